import type { Failure, Random } from '@convergekit/core';
import { dispositionOf, bound, decideRetry, type Wait } from '@convergekit/resilience/engine';
import { type Policy, strategies } from '@convergekit/resilience';
import { awaitsFix, giveUpRulesOf } from '../park/give-up-rules.ts';

export interface Tried {
  /** Failed attempts so far, this one included; reruns are not among them. */
  readonly attempts: number;
  readonly reruns: number;
  /** Milliseconds since the first attempt began. */
  readonly elapsedMs: number;
  /** True for what is given up at once, since the engine of its saga retries it: its fence makes the order irrelevant. */
  readonly bypasses?: boolean;
}

export type NextAttempt =
  | { readonly kind: 'retry'; readonly wait: Wait }
  /** Run the event again at the database's request, which does not count as an attempt. */
  | { readonly kind: 'rerun'; readonly wait: Wait }
  /** A breaker is open, so nothing was called and no attempt is counted. The partition waits, then continues here. */
  | { readonly kind: 'pause'; readonly forMs: number }
  /** Park the key, because the event may succeed later: it waits outside the partition, in order. */
  | { readonly kind: 'park' }
  /** Waiting does not help: a dead letter at once. */
  | { readonly kind: 'dead' }
  /** Reject the event for the business: a failure event is emitted, and the key continues. */
  | { readonly kind: 'reject' }
  /** Stop the consumer: no event is at fault, and nothing works until an operator fixes a setting. */
  | { readonly kind: 'stop' };

/** The time after an event's first attempt for retries in place, in milliseconds; later it is parked. */
export const IN_PLACE_MS = 2_000;

/**
 * Returns the time that a policy gives to retries in place, by its name; undefined = it is not of a consumer. Neither budget nor
 * breaker counts them. Pure.
 */
export const inPlaceMsOf = (policy: string): number | undefined =>
  /^consumer(\.|$)/.test(policy) ? IN_PLACE_MS : undefined;

/**
 * Decides what follows a failed attempt in place: a retry, or the disposition of the strategy table. Retries are within
 * the policy and `IN_PLACE_MS`. The function is pure; `random` draws the jitter.
 */
export function nextAttempt(failure: Failure, tried: Tried, policy: Policy, random: Random): NextAttempt {
  const deadlineMs = bound(policy.deadlineMs);
  // A rerun resolves a conflict of two transactions: parking the event would not be faster.
  const rerun = strategies[failure.category].retrying === 'rerun';
  const decision = decideRetry({
    failure,
    policy,
    attempt: tried.attempts,
    reruns: tried.reruns,
    spentMs: tried.elapsedMs,
    withinMs: rerun ? deadlineMs : Math.min(deadlineMs, IN_PLACE_MS),
    random,
  });
  switch (decision.kind) {
    case 'again':
      return { kind: 'retry', wait: decision.wait };
    case 'rerun':
      return decision;
    case 'give_up':
      if (decision.reason === 'breaker_open') return { kind: 'pause', forMs: breakerPauseMs(failure) };
      if (tried.bypasses !== true && awaitsFix(failure, tried.elapsedMs, giveUpRulesOf(policy)))
        return { kind: 'park' };
      return { kind: dispositionOf(failure) };
  }
}

/** The bounds of a pause at a breaker that is isolated, or does not say when it closes. */
const leastPauseMs = 50;
const mostPauseMs = 30_000;

/** Computes the pause of a partition at an open breaker: the breaker's own time, within bounds. */
export function breakerPauseMs({ retryAfterMs = 1_000 }: Pick<Failure, 'retryAfterMs'>): number {
  return Math.min(Math.max(retryAfterMs, leastPauseMs), mostPauseMs);
}
