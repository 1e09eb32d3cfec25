import type { z } from 'zod';
import { invalidInput } from '../errors.ts';

const ROWS = 50;
/** A list reads one row more than a page has: whether there is another page. */
export const LIMIT = ROWS + 1;

type CursorValues = Readonly<Record<string, string | readonly string[]>>;

/** One page of rows, which are in order, and the cursor of the next page. */
export function pageOf<Row>(
  rows: readonly Row[],
  cursorOf: (row: Row) => CursorValues,
): { readonly page: Row[]; readonly next: string | undefined } {
  const page = rows.slice(0, ROWS);
  const last = rows.length > ROWS ? page.at(-1) : undefined;
  return { page, next: last && writeCursor(cursorOf(last)) };
}

/** Compares two keys of one kind, in ascending order. Pure. */
export const compare = <Key extends string | bigint>(a: Key, b: Key): number => Number(a > b) - Number(a < b);

/** A cursor in an address: the values of a keyset as JSON in base64url, which needs no escapes. */
export function writeCursor(values: CursorValues): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/** Reads a cursor of an address by its schema. */
export function readCursor<T extends z.ZodObject>(
  text: string | undefined,
  schema: T,
): z.output<T> | undefined {
  if (text === undefined) return undefined;
  const json = Buffer.from(text, 'base64url').toString('utf8');
  // No value of a database has a NUL character.
  const parsed = schema.safeParse(json.includes('\\u0000') ? undefined : jsonOf(json));
  if (parsed.success) return parsed.data;
  throw invalidInput('`after` is not the place of a next page: open the list again from its beginning');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
