import type { HashMode } from './hash-sql.ts';
import { allRanges } from './prefix.ts';
import { isEverythingCheaper, shareOf } from './rotation.ts';

/** A range of the key space, as `converge.reconciler` keeps it. Moments are milliseconds of the database's clock. */
export interface Range {
  /** Range r of 2^bits has the keys whose hash is in [r << (64 - bits), (r + 1) << (64 - bits)). */
  readonly range: number;
  /**
   * full: rows are hashed; version: keys and versions are hashed; null: only its dirty keys are compared. It is also the
   * checkpoint: it is cleared when the range was compared, so an interrupted pass goes on with the ranges that are left.
   */
  readonly due: HashMode | null;
  /** The rows of the larger side at the last comparison. */
  readonly rows: number;
  /** The last comparison of the whole range, and the last one that hashed whole rows. */
  readonly checkedAt: number | null;
  readonly fullAt: number | null;
  readonly lease: { readonly holder: string; readonly until: number } | null;
}

/** Makes 2^bits ranges. In version mode the clock of the full hash starts at once: it is spread over its whole time. */
export function newRanges(bits: number, mode: HashMode, now: number): readonly Range[] {
  const fullAt = mode === 'version' ? now : null;
  return allRanges(bits).map((range) => ({
    range,
    due: null,
    rows: 0,
    checkedAt: null,
    fullAt,
    lease: null,
  }));
}

export interface PassPlan {
  /** How ranges are hashed, unless whole rows are due. */
  readonly mode: HashMode;
  /** Compare every range, also those that were compared lately. */
  readonly everything: boolean;
  /** The number of keys that were reported. */
  readonly reported: number;
  readonly maxAgeMs: number;
  readonly fullAgeMs: number;
}

export interface Planned {
  readonly ranges: readonly Range[];
  /** The rows of the last comparisons; 0 = none was made. */
  readonly rows: number;
  /** So many keys were reported that the pass compares everything. */
  readonly tooMany: boolean;
}

/**
 * Marks the ranges that a pass compares: its share of the oldest ones, and those beyond their age. A pass that compares
 * everything takes ranges from their holders, who read them before it began. Pure.
 */
export function planPass(ranges: readonly Range[], plan: PassPlan, now: number): Planned {
  const rows = ranges.reduce((sum, one) => sum + one.rows, 0);
  const tooMany = isEverythingCheaper(plan.reported, rows);
  const everything = plan.everything || tooMany;
  const mode = everything ? 'full' : plan.mode;
  const old = everything ? new Set(ranges) : oldest(ranges, 'checkedAt', plan.maxAgeMs, now);
  const oldFull = oldest(ranges, 'fullAt', plan.fullAgeMs, now);
  const marked = ranges.map((one): Range => {
    const isOldFull = oldFull.has(one);
    const isDue = old.has(one) || (mode === 'version' && isOldFull);
    // What a holder has read may be older than the reports that this pass answers: it must not finish the range.
    if (everything) return { ...one, due: 'full', lease: null };
    if (one.due === 'full' || !isDue) return one;
    return { ...one, due: mode === 'full' || isOldFull ? 'full' : 'version' };
  });
  return { ranges: marked, rows, tooMany };
}

/** The share of the ranges whose moment is the oldest, by the time since the newest, and all that are older than `ageMs`. */
function oldest(
  ranges: readonly Range[],
  moment: 'checkedAt' | 'fullAt',
  ageMs: number,
  now: number,
): ReadonlySet<Range> {
  // None is older than any, and so is one of before the clock was set back.
  const at = (one: Range): number => {
    const then = one[moment] ?? -Infinity;
    return then > now ? -Infinity : then;
  };
  const inOrder = ranges.toSorted((a, b) => (at(a) === at(b) ? a.range - b.range : at(a) - at(b)));
  const newest = Math.max(...inOrder.map(at));
  const share = shareOf(ranges.length, newest === -Infinity ? null : now - newest, ageMs);
  return new Set(inOrder.filter((one, index) => index < share || at(one) < now - ageMs));
}

/** A claimed range and the mode in which it is compared. */
export interface Claimed {
  readonly range: number;
  readonly due: HashMode;
  /** The database's time, not later than the snapshots that follow. */
  readonly claimedAt: number;
}

export interface Claim {
  readonly holder: string;
  readonly leaseMs: number;
  readonly most: number;
  /** Ranges to leave alone. */
  readonly except: ReadonlySet<number>;
}

export interface ClaimResult {
  readonly ranges: readonly Range[];
  readonly claimed: readonly Claimed[];
  /** Due ranges that processes hold, those of this claim too. */
  readonly held: number;
}

/** No lease ends later, in milliseconds from now, unless the clock was set back since. */
const LONGEST_MS = 600_000;

/** Leases due ranges to a process, those to be hashed whole first. A lease that has ended makes its range free. Pure. */
export function claimDue(
  ranges: readonly Range[],
  { holder, leaseMs, most, except }: Claim,
  now: number,
): ClaimResult {
  const due = ranges.filter(({ range, due: mode }) => mode !== null && !except.has(range));
  const latest = now + Math.max(leaseMs, LONGEST_MS);
  const free = due.filter(({ lease }) => lease === null || lease.until <= now || lease.until > latest);
  const inOrder = [
    ...free.filter((one) => one.due === 'full'),
    ...free.filter((one) => one.due === 'version'),
  ];
  const taken = new Set(inOrder.slice(0, most));
  return {
    ranges: ranges.map((one) => (taken.has(one) ? { ...one, lease: { holder, until: now + leaseMs } } : one)),
    claimed: [...taken].map(({ range, due: mode }) => ({ range, due: mode ?? 'full', claimedAt: now })),
    held: due.length - free.length + taken.size,
  };
}

/** Changes ranges that a process still holds. Pure. */
export function changeHeld(
  ranges: readonly Range[],
  holder: string,
  among: readonly number[],
  change: (one: Range) => Range,
): readonly Range[] {
  const named = new Set(among);
  return ranges.map((one) => (one.lease?.holder === holder && named.has(one.range) ? change(one) : one));
}

/** Records comparisons of ranges that the process still holds, with the rows of each. Pure. */
export function finished(
  ranges: readonly Range[],
  holder: string,
  claimed: readonly Claimed[],
  rows: ReadonlyMap<number, number>,
): readonly Range[] {
  const byRange = new Map(claimed.map((one) => [one.range, one]));
  return changeHeld(ranges, holder, [...byRange.keys()], (one) => {
    const checkedAt = byRange.get(one.range)?.claimedAt ?? null;
    const fullAt = byRange.get(one.range)?.due === 'full' ? checkedAt : one.fullAt;
    return { range: one.range, due: null, rows: rows.get(one.range) ?? 0, checkedAt, fullAt, lease: null };
  });
}
