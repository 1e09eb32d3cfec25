import type { Failure } from '@convergekit/core';
import { bound, type Policy } from './policy.ts';
import { retryingOf } from './strategy.ts';
import { type Wait, waitAfter } from './wait.ts';

/**
 * The decision after a failed attempt.
 * `again`: wait, then make the next attempt · `rerun`: repeat the same attempt (contention costs none) · `give_up`:
 * return the error to the caller, for the given reason.
 */
export type RetryDecision =
  | { readonly kind: 'again'; readonly wait: Wait }
  | { readonly kind: 'rerun'; readonly wait: Wait }
  | { readonly kind: 'give_up'; readonly reason: GiveUpReason };

/** The reason for giving up. `breaker_open`: nothing was called; `budget`: the retry budget is empty. */
export type GiveUpReason = 'not_retryable' | 'applied' | 'attempts' | 'deadline' | 'budget' | 'breaker_open';

export interface RetryQuestion {
  readonly failure: Failure;
  readonly policy: Policy;
  /** The number of the failed attempt, from 1. */
  readonly attempt: number;
  /** Number of reruns after contention so far. */
  readonly reruns: number;
  /** Milliseconds since the first attempt started. */
  readonly spentMs: number;
  /**
   * The caller's limit in milliseconds since the first attempt, if lower than the policy's. @default the policy's limit
   */
  readonly withinMs?: number;
  readonly random: () => number;
}

/**
 * The maximum number of reruns. Contention costs no attempt, but two callers could otherwise repel each other forever.
 */
const MAX_RERUNS = 50;

/** Decides what follows a failed attempt. Pure. It chooses no wait that would end after the deadline. */
export function decideRetry({
  failure,
  policy,
  attempt,
  reruns,
  spentMs,
  withinMs = bound(policy.deadlineMs),
  random,
}: RetryQuestion): RetryDecision {
  const retrying = retryingOf(failure);
  if (retrying === 'not_retryable' || retrying === 'applied' || retrying === 'breaker_open')
    return { kind: 'give_up', reason: retrying };
  const rerun = retrying === 'rerun';
  if (rerun ? reruns >= MAX_RERUNS : attempt >= bound(policy.attempts))
    return { kind: 'give_up', reason: 'attempts' };
  const wait = waitAfter(failure, policy.backoff, rerun ? reruns + 1 : attempt, random);
  if (spentMs + wait.computedMs >= withinMs) return { kind: 'give_up', reason: 'deadline' };
  return { kind: rerun ? 'rerun' : 'again', wait };
}
