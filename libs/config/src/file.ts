import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { messageOf } from '@convergekit/core/engine';
import type * as Yaml from 'yaml';
import type { z } from 'zod';
import type { ConfigIssue } from './error.ts';
import type { Layer } from './layer.ts';
import { settingsOf } from './setting.ts';

/** Loaded with the first file: most processes have none, and the parser is 70 modules. */
const yaml = (): typeof Yaml => createRequire(import.meta.url)('yaml') as typeof Yaml;

/** Reads settings from a YAML file. A missing file is an error. */
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
    const why = messageOf(cause);
    return failed(
      `the file cannot be read (${why})`,
      'Name a file that exists and that this process may read',
    );
  }
  const { isScalar, LineCounter, parseDocument } = yaml();
  const lineCounter = new LineCounter();
  const names = uniqueNames(isScalar);
  const how = { uniqueKeys: names.same, schema: 'core', lineCounter, prettyErrors: false } as const;
  const document = parseDocument(text, how);
  const [broken] = document.errors;
  if (names.tooMany())
    return failed('the file has too many names', `Use fewer: ${MAX_NAMES} in one group at most`);
  // The error omits the parser's message: it quotes the line, which may hold a secret.
  if (broken !== undefined) {
    const { line, col } = lineCounter.linePos(broken.pos[0]);
    return failed(`the file is not YAML: ${broken.code} at line ${line}, column ${col}`, 'Correct the line');
  }
  try {
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return settingsOf(schema, value, { path: [], source, secret: false });
  } catch {
    const fix = 'Use fewer aliases, each after its anchor, and quote values that begin with *';
    return failed('the file cannot be used: its aliases cannot be resolved, or are too many', fix);
  }
}

const MAX_NAMES = 1_000;

/** Finds names that occur twice in a group. Bounded: the parser compares each name of a group with each other. */
function uniqueNames(isScalar: typeof Yaml.isScalar): {
  readonly same: (a: Yaml.ParsedNode, b: Yaml.ParsedNode) => boolean;
  readonly tooMany: () => boolean;
} {
  let left = (MAX_NAMES * MAX_NAMES) / 2;
  return {
    same: (a, b) => {
      left -= 1;
      return left < 0 || a === b || (isScalar(a) && isScalar(b) && a.value === b.value);
    },
    tooMany: () => left < 0,
  };
}
