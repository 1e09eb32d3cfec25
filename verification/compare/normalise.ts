import type { Seen } from './collect.ts';
import type { Observation } from './compare.ts';
import type { Recorded } from './program/desk.ts';
import { headerOf, idOf, withoutRepeats } from './records.ts';
import { HEADERS, LEFT_OUT, LEFT_OUT_OF_JOURNALS, PASSED, REPLACED } from './rules.ts';

/** Makes what was seen comparable with another run, by the rules. Pure. */
export function normalise({ rows, log, ledger, strays, texts }: Seen): Observation {
  const records = withoutRepeats(log);
  const plain = naming(records);
  const sections: Record<string, Record<string, string[]>> = {};
  const add = (section: string, about: string, line: string): void => {
    ((sections[section] ??= {})[about] ??= []).push(line);
  };
  for (const [table, found] of Object.entries(rows))
    for (const row of found)
      add(`rows of ${table}`, String(Object.values(row)[0]), plain(JSON.stringify(row)));
  // Events of one key keep their order as those of one source: two services write side by side.
  for (const record of records) {
    const { topic, key, value, headers } = record;
    const shown = headers.map(([name, text]) => `${name}: ${name in HEADERS ? '<any>' : plain(text)}`);
    add(
      `events of ${headerOf(record, 'ce_source')} in ${topic}`,
      key,
      `${plain(value)}  ${shown.toSorted().join('  ')}`,
    );
  }
  for (const { call, id, undone } of ledger.toSorted((a, b) => a.call.localeCompare(b.call)))
    add('effects', id, `${call}${undone ? ', undone' : ''}`);
  for (const stray of strays) add('undos of unknown keys', stray, stray);
  for (const { kind, about, text } of texts) for (const line of linesOf(text, plain)) add(kind, about, line);
  return sections;
}

/** Returns what replaces ids of events by names, which say type, key and, of several, which one; then the rules hold. */
function naming(records: readonly Recorded[]): (text: string) => string {
  const names = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const record of records) {
    const name = `${headerOf(record, 'ce_type')} of ${record.key}`;
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    names.set(idOf(record), count === 1 ? `<${name}>` : `<${name}, ${count}>`);
  }
  const named = (text: string): string =>
    text.replace(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (id) => names.get(id) ?? id);
  return (text) => REPLACED.reduce((line, [pattern, by]) => line.replaceAll(pattern, by), named(text));
}

/**
 * The lines of what a command printed, each once and sorted: rows of several databases are in the order of their clocks, and
 * what happens side by side has none.
 */
function linesOf(text: string, plain: (line: string) => string): readonly string[] {
  const lines = text
    .split('\n')
    .filter((line) => line.trim() !== '' && !LEFT_OUT.some((pattern) => pattern.test(line)))
    // The first column is a time, of the first row or since it.
    .map((line) =>
      line
        .replace(/^(?:\+[\d.]+ \w+|\S+T\S+Z) +/, '')
        .replace(/ {2,}/g, '  ')
        .trim(),
    )
    .map((line) => (line.startsWith('now: ') ? sortedList(line) : plain(line)))
    .map((line) => journalRow(line) ?? line)
    .filter((line) => !LEFT_OUT_OF_JOURNALS.test(line));
  return [...new Set(lines)].toSorted();
}

/** `now: b passed, a passed`: a history names consumers in the order of their attempts. */
function sortedList(line: string): string {
  const parts = line.slice('now: '.length).split(', ');
  const sorted = parts.map((part) => part.replace(...PASSED)).toSorted();
  return `now: ${sorted.join(', ')}`;
}

/** A row of a workflow's journal by its kind and its step: its data is the kit's own. */
function journalRow(line: string): string | undefined {
  const [, kind, step] = /^\d+ {2}<time> {2}(\w+) {2}(\S+)/.exec(line) ?? [];
  return kind === undefined ? undefined : `${kind} ${step ?? ''}`;
}
