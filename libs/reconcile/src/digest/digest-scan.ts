import type { Kysely } from 'kysely';
import type { Databases, ScanChunk, ScanContext } from '../definition.ts';
import type { ForeignSide } from './digest-table.ts';
import { type DigestTuning, resolveTuning, type ScannedSides } from './options.ts';
import {
  checkSameColumns,
  digestInvalid,
  type DigestSource,
  type ResolvedSource,
  resolveSource,
} from './side.ts';

export interface DigestScanOptions extends DigestTuning {
  /** The side that is right: a table, a SELECT, or a `digestTable`. */
  readonly desired: DigestSource | ForeignSide;
  /** The side that is repaired: a table, a SELECT, or a `digestTable`. */
  readonly actual: DigestSource | ForeignSide;
}

/** A scan for `keys.scan`. */
export type DigestScan = <DesiredDb, ActualDb>(
  databases: Databases<DesiredDb, ActualDb>,
  context: ScanContext,
) => AsyncIterable<ScanChunk>;

/**
 * Makes a scan that lists only the keys that differ, by digests of ranges of keys computed in both databases.
 * A pass compares the keys that `markDirty` reported and a rotating share of the others; the first pass compares all. A
 * side that cannot be read whole yields `unknown`. One side may be a `digestTable`: then every pass compares all.
 * Throws RECONCILER_INVALID.
 * @example
 * ```ts
 * import { digestScan } from 'convergekit';
 *
 * // The `keys.scan` of a reconciler: each side names its own columns, `pieces` is the name that both share.
 * export const scan = digestScan({
 *   desired: { table: 'wanted', key: 'sku', columns: { pieces: 'pieces' }, updatedAt: 'changed_at' },
 *   actual: { table: 'stock', key: 'sku', columns: { pieces: 'reserved' }, updatedAt: 'changed_at' },
 * });
 * ```
 */
export function digestScan(options: DigestScanOptions): DigestScan {
  const tuning = resolveTuning(options);
  const sides = sidesOf(options);
  return async function* <DesiredDb, ActualDb>(
    databases: Databases<DesiredDb, ActualDb>,
    context: ScanContext,
  ) {
    // The tables are named by text: the types of the databases do not matter here.
    const erased = { desired: untyped(databases.desired), actual: untyped(databases.actual) };
    // Loaded with the first scan: services that only declare it, and mark keys, do without its modules.
    const { scan } = await import('./scan.ts');
    yield* scan(sides, tuning, erased, context);
  };
}

const untyped = <DB>(db: Kysely<DB>): Kysely<unknown> => db as unknown as Kysely<unknown>;

function sidesOf({ desired, actual }: DigestScanOptions): ScannedSides {
  if ('kind' in desired) {
    if ('kind' in actual)
      throw digestInvalid('both sides are digest tables; one side must be a table that the kit can read');
    return { kind: 'foreign', side: 'actual', source: resolveSource('actual', actual), foreign: desired };
  }
  if ('kind' in actual)
    return { kind: 'foreign', side: 'desired', source: resolveSource('desired', desired), foreign: actual };
  checkSameColumns(desired, actual);
  const sources = { desired: resolveSource('desired', desired), actual: resolveSource('actual', actual) };
  // The version of one side alone says nothing.
  const versions = sources.desired.version !== undefined && sources.actual.version !== undefined;
  const both = versions
    ? sources
    : { desired: unversioned(sources.desired), actual: unversioned(sources.actual) };
  return { kind: 'tables', ...both };
}

const unversioned = (source: ResolvedSource): ResolvedSource => ({ ...source, version: undefined });
