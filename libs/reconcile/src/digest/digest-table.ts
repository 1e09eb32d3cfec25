import type { Digest } from './compare.ts';
import { digestInvalid, quoteName } from './side.ts';

/**
 * A side that is no Postgres: any engine writes digests of its rows into a table of the side's database.
 * Columns: `bucket text` (the first digits of the MD5 of the key; the row of all buckets together has an empty bucket),
 * `rows bigint`, `xor bigint`, `sum numeric`, `as_of timestamptz` (the moment of the data, the same in all rows). Replace the
 * table's rows in one transaction.
 */
export interface DigestTableSource {
  /** The table of the digests, such as `stock_digest` or `shop.stock_digest`. */
  readonly table: string;
  /** Number of digits of a bucket: 1 to 4, for 16 to 65,536 buckets. */
  readonly digits: number;
  /** Digests older than this are unknown, in milliseconds. @default 86_400_000 (a day) */
  readonly maxAgeMs?: number;
  /**
   * Reads the rows of buckets from the other engine, so that exactly the keys that differ are listed. Returns key, `xor` and
   * `sum` of each row. @default every key of a differing bucket is listed
   */
  readonly list?: (buckets: readonly string[]) => Promise<readonly ForeignRow[]>;
}

/** A row of the other engine: its key and the two portable hashes as decimal numbers. */
export interface ForeignRow {
  readonly key: string;
  readonly xor: string | bigint | number;
  readonly sum: string | bigint | number;
}

/**
 * Declares a side whose digests another engine writes. Throws RECONCILER_INVALID.
 * @example
 * ```ts
 * import { digestScan, digestTable } from 'convergekit';
 *
 * // A warehouse on another engine writes its digests into `warehouse_digest`, in the database of `desired`.
 * export const scan = digestScan({
 *   desired: digestTable({ table: 'warehouse_digest', digits: 3 }),
 *   actual: { table: 'stock', key: 'sku', columns: { pieces: 'reserved' }, updatedAt: 'changed_at' },
 * });
 * ```
 */
export function digestTable(source: DigestTableSource): ForeignSide {
  const { digits } = source;
  if (!Number.isInteger(digits) || digits < 1 || digits > 4)
    throw digestInvalid(`digits of ${source.table} is ${digits}; give 1 to 4, such as 3 for 4,096 buckets`);
  return {
    kind: 'digest table',
    name: source.table,
    table: quoteName(source.table),
    digits,
    maxAgeMs: source.maxAgeMs ?? 86_400_000,
    list: source.list,
  };
}

export interface ForeignSide {
  /** Distinguishes it from a `DigestSource`. */
  readonly kind: 'digest table';
  /** The table as it was given, for messages. */
  readonly name: string;
  /** The table as SQL names it, quoted. */
  readonly table: string;
  /** The number of digits of a bucket, 1 to 4. */
  readonly digits: number;
  /** The age from which digests are unknown, in milliseconds. */
  readonly maxAgeMs: number;
  /** Reads the rows of buckets from the other engine; undefined: every key of a differing bucket is listed. */
  readonly list: DigestTableSource['list'];
}

export interface DigestTableRow extends Digest {
  readonly bucket: string;
  readonly as_of: string;
  readonly age_ms: string;
}

/** The digests of a table by bucket, or the reason why they cannot be used. */
export type TableDigests =
  | { readonly kind: 'read'; readonly asOf: string; readonly digests: ReadonlyMap<string, Digest> }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Checks that a digest table is whole, of one moment and fresh. Pure. A part of a table must never count as equal. */
export function readDigestTable(
  { name, digits, maxAgeMs }: Pick<ForeignSide, 'name' | 'digits' | 'maxAgeMs'>,
  rows: readonly DigestTableRow[],
): TableDigests {
  const unknown = (reason: string): TableDigests => ({
    kind: 'unknown',
    reason: `digest table ${name}: ${reason}`,
  });
  const total = rows.find(({ bucket }) => bucket === '');
  if (total === undefined) return unknown('it has no row with an empty bucket, the digest of all rows');
  if (rows.some(({ as_of }) => as_of !== total.as_of))
    return unknown('its rows have different values of as_of');
  if (Number(total.age_ms) > maxAgeMs)
    return unknown(`it is ${Math.round(Number(total.age_ms) / 1000)} s old, more than ${maxAgeMs / 1000} s`);
  const buckets = rows.filter(({ bucket }) => bucket !== '');
  if (buckets.some(({ bucket }) => bucket.length !== digits || !/^[0-9a-f]+$/.test(bucket)))
    return unknown(`a bucket has not ${digits} lower-case hexadecimal digits`);
  const sum = (of: (row: DigestTableRow) => string, add: (a: bigint, b: bigint) => bigint): bigint =>
    buckets.reduce((result, row) => add(result, BigInt(of(row))), 0n);
  const whole =
    sum(
      ({ rows: count }) => count,
      (a, b) => a + b,
    ) === BigInt(total.rows) &&
    sum(
      ({ xor }) => xor,
      (a, b) => a ^ b,
    ) === BigInt(total.xor) &&
    sum(
      ({ sum: added }) => added,
      (a, b) => a + b,
    ) === BigInt(total.sum);
  if (!whole) return unknown('its buckets together are not the row of all buckets');
  return { kind: 'read', asOf: total.as_of, digests: new Map(buckets.map((row) => [row.bucket, row])) };
}
