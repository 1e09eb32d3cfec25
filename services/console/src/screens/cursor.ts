import type { z } from 'zod';
import { invalidInput } from '../errors.ts';

/** A cursor in an address: the values of a keyset as JSON in base64url, which needs no escapes. */
export function writeCursor(values: Readonly<Record<string, string>>): string {
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
