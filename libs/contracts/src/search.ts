import { hash } from 'node:crypto';

/** The names of the fields of an event that can be found by: those with a text or a number. */
export type SearchField<Data> = {
  [Name in keyof Data & string]-?: NonNullable<Data[Name]> extends string | number ? Name : never;
}[keyof Data & string];

/**
 * Returns the digest by which a value is found: 64 bits of its SHA-256, as a number of Postgres. An index of digests costs the same
 * for each value, and holds none. Pure.
 */
export function searchDigest(value: string): string {
  return hash('sha256', value, 'buffer').readBigInt64BE().toString();
}

/** Returns the digests of the fields of an event, each once; absent and null ones have none. Pure. */
export function searchDigests(data: unknown, fields: readonly string[]): readonly string[] {
  const values = fields.map((field) => (data as Readonly<Record<string, unknown>>)[field]);
  const texts = values.flatMap((value) =>
    typeof value === 'string' || typeof value === 'number' ? [String(value)] : [],
  );
  return [...new Set(texts.map(searchDigest))];
}
