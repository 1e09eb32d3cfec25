import type { Failure, Random } from '@convergekit/core';
import { delayMs } from '@convergekit/core/engine';
import type { Claim } from './claim.ts';
import type { Reconciler } from './reconciler.ts';

/** The outcome of one comparison of a key. */
export type Outcome =
  | { readonly kind: 'in_sync' }
  /** Desired changed while actual was read: the difference may be an artefact of reading. */
  | { readonly kind: 'changed' }
  /** Actual is older than this reconciler's last write: a stale view. */
  | { readonly kind: 'stale' }
  /** The drift is too young to repair. */
  | { readonly kind: 'pending'; readonly driftHash: string; readonly remainingMs: number }
  | { readonly kind: 'observed'; readonly driftHash: string }
  | { readonly kind: 'unresolvable'; readonly driftHash: string; readonly reason: string }
  | { readonly kind: 'repaired'; readonly version: bigint | null }
  | { readonly kind: 'conflict'; readonly driftHash: string }
  /** The repair limit is reached: an operator must approve further repairs. `first`: this key reached it. */
  | { readonly kind: 'held'; readonly driftHash: string; readonly first: boolean }
  | { readonly kind: 'failed'; readonly failure: Failure };

export type OutcomeKind = Outcome['kind'];

/** The result of a run for one key: what happens to the key next. */
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

export interface KeyFinish {
  readonly result: Result;
  readonly counters: Counters;
  readonly driftHash: string | null;
  readonly lastVersionWritten: bigint | null;
  readonly reason: string | null;
  /** The debounce delay of a key that was reported during its run, in milliseconds. */
  readonly quietMs: number;
  /** True if the key needs no stored history. */
  readonly forget: boolean;
}

/** Number of consecutive healthy runs that reset the counters. Fewer may be a pause between two failures. */
export const STABLE_AFTER = 3;
/** Number of failures after which a bug or bad data needs an operator. Transient failures are retried forever. */
export const FAILURES_BEFORE_TERMINAL = 5;
const HELD_RECHECK_MS = 60_000;

/** Decides the next state of a key from its outcome. Pure. `random` jitters the delays. */
export function decideFinish(
  outcome: Outcome,
  claim: Claim,
  { timing }: Reconciler,
  random: Random,
): KeyFinish {
  const { failures, conflicts, repairs } = claim;
  const same: KeyFinish = {
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
      return finishHealthy(same, claim);
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
      return finishFailed(same, outcome.failure, backoff(failures + 1));
  }
}

function finishHealthy(same: KeyFinish, claim: Claim): KeyFinish {
  const { failures, conflicts, repairs, lastVersionWritten } = claim;
  const healthyStreak = claim.healthyStreak + 1;
  const history = failures > 0 || conflicts > 0 || repairs > 0 || lastVersionWritten !== null;
  return history && healthyStreak < STABLE_AFTER
    ? { ...same, counters: { ...same.counters, healthyStreak } }
    : {
        ...same,
        counters: { failures: 0, conflicts: 0, repairs: 0, healthyStreak },
        lastVersionWritten: null,
        forget: true,
      };
}

function finishFailed(same: KeyFinish, failure: Failure, ms: number): KeyFinish {
  const failures = same.counters.failures + 1;
  const hopeless =
    failure.category === 'business' || (!isTransient(failure) && failures >= FAILURES_BEFORE_TERMINAL);
  return {
    ...same,
    result: hopeless ? { kind: 'terminal' } : { kind: 'retry', ms: Math.max(ms, failure.retryAfterMs ?? 0) },
    counters: { ...same.counters, failures },
    reason: `${failure.category} ${failure.code}: ${failure.message}`.slice(0, 1_000),
  };
}

/** True if waiting may help: the other side recovers, or an operator fixes a setting. */
function isTransient({ category }: Failure): boolean {
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

/** Computes how many repairs a window allows. Pure. */
export function repairsAllowed({ limits }: Reconciler, keysOfLastRun: number): number {
  const byShare = Math.floor(limits.share * keysOfLastRun);
  return Math.min(limits.repairs, Math.max(limits.always, byShare));
}

/** Decides about a drift before anything is written; null = repair it. Pure. */
export function decideDrift(
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
