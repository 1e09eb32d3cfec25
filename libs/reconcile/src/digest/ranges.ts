import type { Executor } from '@convergekit/postgres';
import type { HashMode } from './hash-sql.ts';
import * as text from './ranges-sql.ts';

/** The key space of one reconciler, divided into 2^bits ranges, and the process that works on it. */
export interface RangeStore {
  readonly executor: Executor;
  readonly reconciler: string;
  readonly bits: number;
  readonly holder: string;
  readonly leaseMs: number;
}

export interface RangesState {
  /** The rows of the last comparisons; 0 = none was made. */
  readonly rows: number;
  /** The newest comparison of any range, as the database writes it; null = there was none. */
  readonly checkedAt: string | null;
  /** Time since the last comparison of any range; null = there was none. */
  readonly sinceCheckedMs: number | null;
  readonly sinceFullMs: number | null;
}

/** Reads the state of the ranges, and creates them at first. */
export async function readRanges(store: RangeStore, mode: HashMode): Promise<RangesState> {
  const { executor, reconciler, bits } = store;
  const read = async () =>
    (await executor.query<RangesState & { ranges: number }>(text.readRangesSql, [reconciler, bits])).rows[0];
  let state = await read();
  if (state?.ranges !== 2 ** bits) {
    await executor.query(text.createRangesSql, [reconciler, bits, mode]);
    state = await read();
  }
  return state ?? { rows: 0, checkedAt: null, sinceCheckedMs: null, sinceFullMs: null };
}

export interface DueRequest {
  readonly mode: HashMode;
  readonly ranges: number;
  readonly maxAgeMs: number;
  readonly fullRanges: number;
  readonly fullAgeMs: number;
  /** The newest comparison from which the numbers of ranges were computed; undefined: they do not depend on it. */
  readonly asOf: string | null | undefined;
}

export async function markDue({ executor, reconciler, bits }: RangeStore, due: DueRequest): Promise<void> {
  const { mode, ranges, maxAgeMs, fullRanges, fullAgeMs, asOf } = due;
  const shares = [ranges, maxAgeMs, fullRanges, fullAgeMs];
  await executor.query(text.markDueSql, [
    reconciler,
    bits,
    mode,
    ...shares,
    asOf ?? null,
    asOf !== undefined,
  ]);
}

/** A claimed range and the mode in which it is compared. */
export interface Claimed {
  readonly range: number;
  readonly due: HashMode;
  /** The database's time, not later than the snapshots that follow. */
  readonly claimed_at: string;
}

/** Claims up to `most` ranges that are due and free. */
export async function claimDue(
  store: RangeStore,
  most: number,
  except: Iterable<number>,
): Promise<readonly Claimed[]> {
  const { executor, reconciler, bits, holder, leaseMs } = store;
  const values = [reconciler, bits, holder, leaseMs, most, [...except]];
  return (await executor.query<Claimed>(text.claimDueSql, values)).rows;
}

/** Counts the due ranges that other processes hold. */
export async function countHeld(store: RangeStore, except: Iterable<number>): Promise<number> {
  const { executor, reconciler, bits } = store;
  const { rows } = await executor.query<{ held: number }>(text.heldSql, [reconciler, bits, [...except]]);
  return rows[0]?.held ?? 0;
}

export async function renewRanges(store: RangeStore, ranges: readonly number[]): Promise<void> {
  const held = ranges.map((range) => ({ ...store, range }));
  await text.rangeQueue.renew(store.executor, held, store.leaseMs);
}

/** Gives ranges back; those that are due stay due. */
export async function releaseRanges(store: RangeStore, ranges: readonly number[]): Promise<void> {
  const { executor, reconciler, bits, holder } = store;
  await executor.query(text.releaseRangesSql, [reconciler, bits, holder, ranges]);
}

/** Records comparisons with the rows of each range. Call it after the listed keys are queued. */
export async function finishRanges(
  { executor, reconciler, bits, holder }: RangeStore,
  claimed: readonly Claimed[],
  rows: ReadonlyMap<number, number>,
): Promise<void> {
  const ranges = claimed.map(({ range }) => range);
  await executor.query(text.finishRangesSql, [
    reconciler,
    bits,
    holder,
    ranges,
    claimed.map(({ due }) => due),
    ranges.map((range) => rows.get(range) ?? 0),
    claimed[0]?.claimed_at ?? null,
  ]);
}
