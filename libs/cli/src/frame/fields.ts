import { formatCell } from '@convergekit/operate/text';
import type { Cell } from './result.ts';

/** Formats labelled values, one a line, under each other. Absent values are left out. */
export function labelled(rows: readonly (readonly [string, Cell])[]): readonly string[] {
  const shown = rows.filter(([, value]) => value !== undefined && value !== null && value !== '');
  const width = Math.max(0, ...shown.map(([label]) => label.length));
  return shown.map(([label, value]) => `${label.padEnd(width)}  ${formatCell(value)}`);
}

/** Formats plain data as labelled lines: what is nested is indented, and names are words. */
export function fieldLines(value: unknown, indent = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((one, at) => itemLines(at + 1, one, indent));
  if (!isNested(value)) return [`${indent}${cellOf(value)}`];
  const entries = Object.entries(value).filter(([, one]) => one !== undefined && one !== null);
  const width = Math.max(0, ...entries.map(([name]) => wordsOf(name).length));
  return entries.flatMap(([name, one]) => {
    const label = wordsOf(name);
    if (!isNested(one)) return [`${indent}${label.padEnd(width)}  ${cellOf(one)}`];
    const below = fieldLines(one, `${indent}  `);
    return below.length === 0 ? [`${indent}${label.padEnd(width)}  -`] : [`${indent}${label}`, ...below];
  });
}

function itemLines(number: number, value: unknown, indent: string): readonly string[] {
  if (!isNested(value)) return [`${indent}${cellOf(value)}`];
  return [`${indent}${number}.`, ...fieldLines(value, `${indent}  `)];
}

function isNested(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !(value instanceof Date);
}

function cellOf(value: unknown): string {
  if (typeof value === 'string') return value.replaceAll('\n', '\\n');
  return formatCell(
    typeof value === 'number' || typeof value === 'bigint' || value instanceof Date ? value : String(value),
  );
}

/** `idempotencyKey` → `idempotency key`. Names of headers stay as they are. */
function wordsOf(name: string): string {
  return /^[a-z]+([A-Z][a-z0-9]*)+$/.test(name)
    ? name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    : name;
}
