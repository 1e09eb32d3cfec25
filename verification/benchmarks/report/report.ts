import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import type { CaseResult, World } from '../case.ts';
import type { Figure } from './figure.ts';
import { figureTable } from './markdown.ts';
import { cpus, release, totalmem } from 'node:os';
import { commit, firstLineOf } from '../../programs.ts';
import { withClient } from '../sides/side.ts';

/** Has a heading for each case, with its method. */
export const METHODS = 'docs/benchmarks/README.md';

export interface Section {
  readonly name: string;
  readonly title: string;
  readonly result: CaseResult | { readonly failed: string };
}

export function figuresOf(sections: readonly Section[]): readonly Figure[] {
  return sections.flatMap(({ title, result }): readonly Figure[] =>
    'failed' in result ? [{ name: title, ours: undefined, note: result.failed }] : result.figures,
  );
}

/** Writes the report and, beside it, its plots; returns the files. `about`: machine, versions and settings, as Markdown. */
export function writeReport(
  file: string,
  title: string,
  about: string,
  sections: readonly Section[],
): readonly string[] {
  const folder = dirname(file);
  const stem = basename(file, extname(file));
  mkdirSync(folder, { recursive: true });
  const files = [file];
  const parts = sections.map(({ name: section, title: heading, result }) => {
    if ('failed' in result) return `## ${heading}\n\nNot measured: ${result.failed}\n`;
    const pictures = (result.plots ?? []).map(({ name, title: caption, svg }) => {
      const picture = `${stem}-${name}.svg`;
      writeFileSync(join(folder, picture), svg);
      files.push(join(folder, picture));
      return `![${caption}](${picture})\n`;
    });
    const method = `Method: [${section}](${relative(folder, METHODS)}#${section}).`;
    return [`## ${heading}`, method, ...pictures, result.rounds].join('\n\n');
  });
  const text = [`# ${title}`, about, figureTable(figuresOf(sections)), ...parts].join('\n\n');
  writeFileSync(file, `${text.replaceAll(/\n{3,}/g, '\n\n').trimEnd()}\n`);
  return files;
}

export async function circumstances({ stack, settings, sides }: World): Promise<string> {
  const postgres = await withClient(stack.databaseUrl, async (client) => {
    const { rows } = await client.query<{ text: string }>(
      `select string_agg(name || ' ' || current_setting(name), ', ' order by name) as text from pg_settings
        where name in ('server_version', 'fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size', 'checkpoint_timeout', 'wal_level')`,
    );
    return rows[0]?.text ?? '';
  });
  const driverNames = sides.ours.map(({ name }) => name).join(', ');
  return [
    `Machine: ${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, ${process.platform} ${release()}. Postgres, Kafka, the side that is`,
    'measured and the measuring process share it; nothing else runs.',
    '',
    `Versions: commit ${commit()}; Node ${process.version}; Postgres (${postgres}); Kafka ${stack.chose === 'given' ? 'as given' : '4.3.1, one broker, 512 MiB of heap'};`,
    `${firstLineOf('java', ['--version']) ?? 'no Java'}; Debezium 3.6.3.Final on Kafka Connect 4.3.1 (heap 256 MiB to 2 GiB, G1, as its scripts set it); pg-transactional-outbox 0.5.7.`,
    '',
    `Sides of our own: ${driverNames}, every setting default. Rounds: ${settings.rounds}, of the latency comparison ${settings.tailRounds}; medians.`,
    ...(settings.quick ? ['', '**Measured with --quick: the figures mean little.**'] : []),
  ].join('\n');
}
