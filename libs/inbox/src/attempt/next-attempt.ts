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
  /** The same again; the database asked for it, so it is no attempt. */
  | { readonly kind: 'rerun'; readonly wait: Wait }
  /** Nothing was called, since a breaker is open: no attempt either. The partition waits, then goes on here. */
  | { readonly kind: 'pause'; readonly forMs: number }
  /** It may heal later: its key waits outside the partition, in order. */
  | { readonly kind: 'park' }
  /** Waiting does not heal it: a dead letter at once. */
  | { readonly kind: 'dead' }
  /** The business said no: told, and the key goes on. */
  | { readonly kind: 'reject' }
  /** No event is at fault: nothing of this consumer can work until somebody mends a setting. */
  | { readonly kind: 'stop' };

/** Milliseconds from an event's first attempt after which none begins in place: what two seconds do not mend, parks. */
export const IN_PLACE_MS = 2_000;

/**
 * What follows a failed attempt in place: the decision of every retry of the kit, within what a partition grants, and then
 * what the table of strategies says. Pure; `random` draws the jitter.
 */
export function nextAttempt(failure: Failure, tried: Tried, policy: Policy, random: Random): NextAttempt {
  const deadlineMs = bound(policy.deadlineMs);
  // A rerun is the database's wish: two transactions met, and waiting outside the partition would not be shorter.
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

/** A breaker that an operator isolated, or one that does not say, is looked at again within these bounds. */
const leastPauseMs = 50;
const mostPauseMs = 30_000;

/** How long a partition waits for an open breaker: as long as the breaker says, within bounds. */
export function breakerPauseMs({ retryAfterMs = 1_000 }: Pick<Failure, 'retryAfterMs'>): number {
  return Math.min(Math.max(retryAfterMs, leastPauseMs), mostPauseMs);
}
