import { type Executor, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import type { Kysely } from 'kysely';
import { insertReconciler } from '../window.ts';
import type { HashMode } from './hash-sql.ts';
import { allRanges } from './prefix.ts';
import { newRanges, type Range } from './ranges.ts';

/** The key space of one reconciler, divided into 2^bits ranges, and the process that works on it. */
export interface RangeStore {
  readonly db: Kysely<unknown>;
  readonly executor: Executor;
  readonly reconciler: string;
  readonly bits: number;
  /** How ranges are hashed, unless whole rows are due. */
  readonly mode: HashMode;
  readonly holder: string;
  readonly leaseMs: number;
}

interface Kept {
  readonly now: number;
  readonly ranges: unknown;
}

// The row lock is held for two statements. Repairs of the reconciler take it last in their transactions.
const readSql = `
  select (extract(epoch from clock_timestamp()) * 1000)::float8 as now, ranges
    from converge.reconciler where name = $1 for no key update`;
const saveSql = 'update converge.reconciler set ranges = $2 where name = $1';

/**
 * Changes the ranges of a reconciler; processes take turns. `change` gets them with the database's time. Ranges of another
 * division of the key space are made anew, and so is what was written there by hand.
 */
export function changeRanges<T extends { readonly ranges: readonly Range[] }>(
  { db, reconciler, bits, mode }: RangeStore,
  change: (ranges: readonly Range[], now: number) => T,
): Promise<T> {
  return kyselyTransaction(db, { isolation: 'read committed' }, async (transaction) => {
    const tx = executorOf(transaction);
    const read = async (): Promise<Kept | undefined> => (await tx.query<Kept>(readSql, [reconciler])).rows[0];
    let kept = await read();
    if (kept === undefined) {
      await insertReconciler(tx, reconciler);
      kept = await read();
    }
    const { now, ranges } = kept ?? { now: 0, ranges: null };
    const known = isDivided(ranges, bits) ? ranges : undefined;
    const changed = change(known ?? newRanges(bits, mode, now), now);
    if (changed.ranges.some((one, index) => one !== known?.[index]))
      await tx.query(saveSql, [reconciler, JSON.stringify(changed.ranges)]);
    return changed;
  });
}

/** True for the ranges of so many bits, in their order. Pure. */
function isDivided(kept: unknown, bits: number): kept is readonly Range[] {
  return (
    Array.isArray(kept) &&
    kept.length === 2 ** bits &&
    allRanges(bits).every((range, index) => isRange(kept[index], range))
  );
}

function isRange(kept: unknown, range: number): boolean {
  const one = kept as Partial<Range> | null;
  return (
    one?.range === range &&
    Number.isFinite(one.rows) &&
    (one.lease === null || Number.isFinite(one.lease?.until))
  );
}
