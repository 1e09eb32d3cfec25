import type { Failure, Random } from '@convergekit/core';
import { delayMs } from '@convergekit/core/engine';
import type { Claim, Outcome } from './claim.ts';
import { nextLookMs, type Wait, waitAgain } from './in-flight/wait.ts';
import type { Reconciler } from './reconciler.ts';
import type { JudgedDrift } from './verdict/modes.ts';
import { auditedVerdict, reasonOf } from './verdict/verdict.ts';

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
  /** The verdict of the key's last audit row. */
  readonly verdict: string | null;
  /** True if the key is divergent no more: the next drift is a new one. */
  readonly recovered: boolean;
  /** True if a new quiet window begins. */
  readonly windowBegins: boolean;
  /** What the key waits for; null = nothing. */
  readonly wait: Wait | null;
  /** The debounce delay of a key that was reported during its run, in milliseconds. */
  readonly quietMs: number;
  /** True if the key needs no stored history. */
  readonly forget: boolean;
}

/** Number of consecutive quiet windows that reset the counters. Fewer may be a pause between two failures. */
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
  const verdict = auditedVerdict(outcome);
  const same: KeyFinish = {
    result: { kind: 'done' },
    counters: { failures, conflicts, repairs, healthyStreak: 0 },
    driftHash: 'driftHash' in outcome ? outcome.driftHash : null,
    lastVersionWritten: claim.lastVersionWritten,
    reason: reasonOf(outcome),
    verdict: verdict === undefined ? claim.verdict : verdict,
    recovered: outcome.kind === 'in_sync' || outcome.kind === 'repaired',
    windowBegins: true,
    wait: null,
    quietMs: timing.quietMs,
    forget: false,
  };
  const backoff = (attempt: number): number => delayMs(timing.backoff, Math.max(attempt, 1), random);
  switch (outcome.kind) {
    case 'in_sync':
      return finishHealthy(same, claim, timing.settleMs);
    case 'observed':
      return same;
    case 'changed':
    case 'stale':
      return { ...same, result: { kind: 'requeueAfter', ms: timing.quietMs } };
    case 'pending':
      return finishPending(same, outcome, timing.quietMs, random);
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
    case 'flapping':
      return { ...same, result: { kind: 'terminal' } };
    case 'unknown':
    case 'refused':
    case 'failed':
      return finishFailed(same, outcome.failure, backoff(failures + 1));
  }
}

function finishPending(
  same: KeyFinish,
  { pending, wait, remainingMs }: Extract<Outcome, { kind: 'pending' }>,
  quietMs: number,
  random: Random,
): KeyFinish {
  const ms = pending.kind === 'settling' ? Math.ceil(remainingMs) : nextLookMs(wait, quietMs, random);
  return { ...same, result: { kind: 'requeueAfter', ms }, wait };
}

/** A quiet window is one settle window without drift: three looks within a second are no proof that a key is stable. */
function finishHealthy(same: KeyFinish, claim: Claim, windowMs: number): KeyFinish {
  const { failures, conflicts, repairs, lastVersionWritten, quietForMs } = claim;
  const history = failures > 0 || conflicts > 0 || repairs > 0 || lastVersionWritten !== null;
  const windowBegins = quietForMs === null || quietForMs >= windowMs;
  const healthyStreak = claim.healthyStreak + (windowBegins ? 1 : 0);
  return history && healthyStreak < STABLE_AFTER
    ? { ...same, windowBegins, counters: { ...same.counters, healthyStreak } }
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
  };
}

/** True if waiting may help: the other side recovers, or an operator fixes a setting. */
export function isTransient({ category }: Failure): boolean {
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

/** Says why no more is repaired: what a window allows, beside the keys that there are. Pure. */
export function heldReason(allowed: number, keysOfLastRun: number): string {
  const percent = keysOfLastRun === 0 ? undefined : Math.round((100 * allowed) / keysOfLastRun);
  const of =
    percent === undefined
      ? 'no run has counted the keys'
      : `${percent} % of the ${keysOfLastRun} keys in the last run`;
  return `a window allows ${allowed} ${allowed === 1 ? 'repair' : 'repairs'} (${of}); all were made, and more keys differ`;
}

/** Decides about a drift before anything is written; null = repair it. Pure. */
export function decideDrift(
  reconciler: Pick<Reconciler, 'timing' | 'limits' | 'unresolvable'>,
  claim: Pick<Claim, 'repairs' | 'driftHash' | 'driftAgeMs' | 'wait'>,
  { drift, mode }: JudgedDrift,
  driftHash: string,
): Outcome | null {
  const { timing, limits } = reconciler;
  const seenForMs = claim.driftHash === driftHash ? Math.max(0, claim.driftAgeMs ?? 0) : 0;
  if (seenForMs < timing.settleMs)
    return {
      kind: 'pending',
      driftHash,
      pending: { kind: 'settling' },
      wait: claim.wait ?? waitAgain(null, 'settling', null),
      remainingMs: timing.settleMs - seenForMs,
    };
  // Only a drift that stays is worth a page.
  const reason = reconciler.unresolvable?.(drift) ?? null;
  if (reason !== null) return { kind: 'unresolvable', driftHash, reason };
  if (mode !== 'repair') return { kind: 'observed', driftHash, mode };
  if (claim.repairs >= limits.repairsPerKey) return { kind: 'flapping', driftHash, repairs: claim.repairs };
  return null;
}
