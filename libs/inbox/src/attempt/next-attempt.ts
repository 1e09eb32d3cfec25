import type { Failure, Random } from '@convergekit/core';
import { dispositionOf, bound, decideRetry, type Wait } from '@convergekit/resilience/engine';
import { type Policy, strategies } from '@convergekit/resilience';

export interface Tried {
  /** Failed attempts so far, this one included; reruns are not among them. */
  readonly attempts: number;
  readonly reruns: number;
  /** Milliseconds since the first attempt began. */
  readonly elapsedMs: number;
}

export type NextAttempt =
  | { readonly kind: 'retry'; readonly wait: Wait }
  /** The same again: the database asked for it, so it does not count as an attempt. */
  | { readonly kind: 'rerun'; readonly wait: Wait }
  /** A breaker is open, so nothing was called and no attempt is counted. The partition waits, then continues here. */
  | { readonly kind: 'pause'; readonly forMs: number }
  /** It may succeed later: its key waits outside the partition, in order. */
  | { readonly kind: 'park' }
  /** Waiting does not help: a dead letter at once. */
  | { readonly kind: 'dead' }
  /** The business refused it: a failure event is emitted, and the key continues. */
  | { readonly kind: 'reject' }
  /** No event is at fault: nothing of this consumer can work until an operator fixes a setting. */
  | { readonly kind: 'stop' };

/** Milliseconds after an event's first attempt in which it is retried in place; after that it is parked. */
export const IN_PLACE_MS = 2_000;

/**
 * Decides what follows a failed attempt in place: a retry within the policy and `IN_PLACE_MS`, else the disposition of the
 * strategy table. Pure; `random` draws the jitter.
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
      return { kind: dispositionOf(failure) };
  }
}

/** The bounds of a pause at a breaker that an operator isolated, or that does not say when it closes. */
const leastPauseMs = 50;
const mostPauseMs = 30_000;

/** How long a partition waits for an open breaker: as long as the breaker says, within bounds. */
export function breakerPauseMs({ retryAfterMs = 1_000 }: Pick<Failure, 'retryAfterMs'>): number {
  return Math.min(Math.max(retryAfterMs, leastPauseMs), mostPauseMs);
}
