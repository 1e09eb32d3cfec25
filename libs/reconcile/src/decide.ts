import type { Failure, Random } from '@convergekit/core';
import { delayMs } from '@convergekit/resilience';
import type { Claim } from './claim.ts';
import type { Reconciler } from './reconciler.ts';

/** What came of looking at a key once. */
export type Outcome =
  | { readonly kind: 'in_sync' }
  /** Desired changed while actual was read: the difference may be the reading's. */
  | { readonly kind: 'changed' }
  /** Actual is older than what this reconciler wrote: a stale view. */
  | { readonly kind: 'stale' }
  /** Too young to count. */
  | { readonly kind: 'pending'; readonly driftHash: string; readonly remainingMs: number }
  | { readonly kind: 'observed'; readonly driftHash: string }
  | { readonly kind: 'unresolvable'; readonly driftHash: string; readonly reason: string }
  | { readonly kind: 'repaired'; readonly version: bigint | null }
  | { readonly kind: 'conflict'; readonly driftHash: string }
  /** The blast radius is reached: no repair before an operator approves. `first`: this key is the one too many. */
  | { readonly kind: 'held'; readonly driftHash: string; readonly first: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure };

export type OutcomeKind = Outcome['kind'];

/** What becomes of the key. */
export type Result =
  | { readonly kind: 'done' }
  | { readonly kind: 'requeueAfter'; readonly ms: number }
  | { readonly kind: 'retry'; readonly ms: number }
  | { readonly kind: 'terminal' };

interface Counters {
  readonly failures: number;
  readonly conflicts: number;
  readonly repairs: number;
  readonly healthyStreak: number;
}

export interface Settlement {
  readonly result: Result;
  readonly counters: Counters;
  readonly driftHash: string | null;
  readonly lastVersionWritten: bigint | null;
  readonly reason: string | null;
  /** Until the run of a key that was reported meanwhile. Milliseconds. */
  readonly quietMs: number;
  /** Nothing is worth remembering. */
  readonly forget: boolean;
}

/** Healthy this many times in a row: stabilised, and the counters start anew. Less may be a pause between two failures. */
export const HEALED_AFTER = 3;
/** After this many failures a defect or bad data is left to a person; what heals by itself is tried for ever. */
export const FAILURES_BEFORE_TERMINAL = 5;
const HELD_RECHECK_MS = 60_000;

/** Pure: what an outcome means for the key. `random` jitters the waiting. */
export function settle(outcome: Outcome, claim: Claim, { timing }: Reconciler, random: Random): Settlement {
  const { failures, conflicts, repairs } = claim;
  const same: Settlement = {
    result: { kind: 'done' },
    counters: { failures, conflicts, repairs, healthyStreak: 0 },
    driftHash: 'driftHash' in outcome ? outcome.driftHash : null,
    lastVersionWritten: claim.lastVersionWritten,
    reason: null,
    quietMs: timing.quietMs,
    forget: false,
  };
  const backoff = (attempt: number): number => delayMs(timing.backoff, Math.max(attempt, 1), random);
  switch (outcome.kind) {
    case 'in_sync':
      return healthy(same, claim);
    case 'observed':
      return same;
    case 'changed':
    case 'stale':
      return { ...same, result: { kind: 'requeueAfter', ms: timing.quietMs } };
    case 'pending':
      return { ...same, result: { kind: 'requeueAfter', ms: Math.ceil(outcome.remainingMs) } };
    case 'held':
      return { ...same, result: { kind: 'requeueAfter', ms: HELD_RECHECK_MS } };
    case 'repaired':
      return {
        ...same,
        counters: { ...same.counters, conflicts: 0, repairs: repairs + 1 },
        lastVersionWritten: outcome.version ?? claim.lastVersionWritten,
      };
    case 'conflict':
      return {
        ...same,
        result: { kind: 'requeueAfter', ms: backoff(conflicts + 1) },
        counters: { ...same.counters, conflicts: conflicts + 1 },
      };
    case 'unresolvable':
      return { ...same, result: { kind: 'terminal' }, reason: outcome.reason };
    case 'failed':
      return failed(same, outcome.failure, backoff(failures + 1));
  }
}

function healthy(same: Settlement, claim: Claim): Settlement {
  const { failures, conflicts, repairs, lastVersionWritten } = claim;
  const healthyStreak = claim.healthyStreak + 1;
  const history = failures > 0 || conflicts > 0 || repairs > 0 || lastVersionWritten !== null;
  return history && healthyStreak < HEALED_AFTER
    ? { ...same, counters: { ...same.counters, healthyStreak } }
    : {
        ...same,
        counters: { failures: 0, conflicts: 0, repairs: 0, healthyStreak },
        lastVersionWritten: null,
        forget: true,
      };
}

function failed(same: Settlement, failure: Failure, ms: number): Settlement {
  const failures = same.counters.failures + 1;
  const hopeless =
    failure.category === 'business' || (!healsByItself(failure) && failures >= FAILURES_BEFORE_TERMINAL);
  return {
    ...same,
    result: hopeless ? { kind: 'terminal' } : { kind: 'retry', ms: Math.max(ms, failure.retryAfterMs ?? 0) },
    counters: { ...same.counters, failures },
    reason: `${failure.category} ${failure.code}: ${failure.message}`.slice(0, 1_000),
  };
}

/** Waiting helps: the other side comes back, or somebody mends a setting. */
function healsByItself({ category }: Failure): boolean {
  switch (category) {
    case 'network':
    case 'throttle':
    case 'service':
    case 'contention':
    case 'configuration':
      return true;
    case 'data':
    case 'business':
    case 'bug':
      return false;
  }
}

/** Pure: how many repairs a window allows. */
export function allowance({ limits }: Reconciler, keysOfLastRun: number): number {
  const byShare = Math.floor(limits.share * keysOfLastRun);
  return Math.min(limits.repairs, Math.max(limits.always, byShare));
}

/** Pure: what to do about a drift before anything is written; null = repair it. */
export function verdict(
  reconciler: Reconciler,
  claim: Pick<Claim, 'repairs' | 'driftHash' | 'driftAgeMs'>,
  drift: unknown,
  driftHash: string,
): Outcome | null {
  const { timing, limits, mode } = reconciler;
  const reason = reconciler.unresolvable?.(drift) ?? null;
  if (reason !== null) return { kind: 'unresolvable', driftHash, reason };
  const seenForMs = claim.driftHash === driftHash ? (claim.driftAgeMs ?? 0) : 0;
  if (seenForMs < timing.settleMs)
    return { kind: 'pending', driftHash, remainingMs: timing.settleMs - seenForMs };
  if (mode !== 'repair') return { kind: 'observed', driftHash };
  if (claim.repairs >= limits.repairsPerKey)
    return {
      kind: 'unresolvable',
      driftHash,
      reason: `flapping: repaired ${claim.repairs} times and divergent again`,
    };
  return null;
}
