import { formatCell, table } from '@convergekit/operate/text';

/** The result of a command: JSON with --json, else lines. */
export interface Result {
  readonly value: unknown;
  readonly lines: () => readonly string[];
  /** False when something is wrong with what was found: the command exits with 1. */
  readonly ok: boolean;
}

export function result(value: unknown, lines: () => readonly string[], ok = true): Result {
  return { value, lines, ok };
}

export type Cell = string | number | bigint | Date | null | undefined;

/** Rows as a table. `empty` is the sentence in place of a table without rows. */
export function listing<T>(
  rows: readonly T[],
  empty: string,
  columns: Readonly<Record<string, (row: T) => Cell>>,
): Result {
  return result(rows, () => tableOf(rows, empty, columns));
}

/** The lines of a table under headings in capitals. */
export function tableOf<T>(
  rows: readonly T[],
  empty: string,
  columns: Readonly<Record<string, (row: T) => Cell>>,
): readonly string[] {
  if (rows.length === 0) return [empty];
  return table([
    Object.keys(columns).map((name) => name.toUpperCase()),
    ...rows.map((row) => Object.values(columns).map((cell) => formatCell(cell(row)))),
  ]);
}
