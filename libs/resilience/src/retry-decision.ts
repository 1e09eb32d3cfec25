import type { Failure } from '@convergekit/core';
import { bound, type Policy } from './policy.ts';
import { retryingOf } from './strategy.ts';
import { type Wait, waitAfter } from './wait.ts';

/**
 * `again`: wait, then the next attempt · `rerun`: the same attempt again (contention costs none) · `give_up`: the error
 * goes to the caller, for the reason given.
 */
export type RetryDecision =
  | { readonly kind: 'again'; readonly wait: Wait }
  | { readonly kind: 'rerun'; readonly wait: Wait }
  | { readonly kind: 'give_up'; readonly reason: GiveUpReason };

/** `breaker_open`: nothing was called, so come back later · `budget`: the retries of this dependency are used up for now. */
export type GiveUpReason = 'not_retryable' | 'applied' | 'attempts' | 'deadline' | 'budget' | 'breaker_open';

export interface RetryQuestion {
  readonly failure: Failure;
  readonly policy: Policy;
  /** The attempt that failed, from 1. */
  readonly attempt: number;
  /** How often contention made us run again. */
  readonly reruns: number;
  /** Milliseconds since the first attempt began. */
  readonly spentMs: number;
  /** Milliseconds from the first attempt that the caller grants, where that is less than the policy's. @default the policy's */
  readonly withinMs?: number;
  readonly random: () => number;
}

/** Contention is no attempt, but without any bound two callers could push each other for ever. */
export const MAX_RERUNS = 50;

/** Pure: what to do after a failed attempt. No wait is chosen that would end after the deadline. */
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
