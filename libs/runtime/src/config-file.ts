import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import type { ConfigIssue } from './config-error.ts';
import type { Layer } from './config-layer.ts';
import { settingsOf } from './config-setting.ts';

/** The settings of a YAML file. A file that was asked for and is not there is an error. */
export function fileLayer(schema: z.ZodType, file: string): Layer {
  const source = `file ${file}`;
  const failed = (message: string, fix: string): Layer => {
    const issue: ConfigIssue = { path: '(root)', source, message, fix };
    return { settings: [], issues: [issue] };
  };
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return failed(
      `the file cannot be read (${why})`,
      'Name a file that exists and that this process may read',
    );
  }
  const document = parseDocument(text, { uniqueKeys: true, schema: 'core' });
  const [broken] = document.errors;
  if (broken !== undefined)
    return failed(`the file is not YAML: ${broken.message.split('\n')[0] ?? ''}`, 'Mend the line');
  try {
    return settingsOf(schema, document.toJS({ maxAliasCount: 100 }) as unknown, {
      path: [],
      source,
      secret: false,
    });
  } catch (cause) {
    return failed(`the file cannot be used: ${String(cause)}`, 'Use fewer aliases');
  }
}
