import { BREAKER_OPEN } from './breaker-state.ts';
import type { Failure } from './failure.ts';
import type { Policy } from './policy.ts';
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
  readonly random: () => number;
}

/** Contention is no attempt, but without any bound two callers could push each other for ever. */
export const MAX_RERUNS = 50;

type Strategy = 'backoff' | 'throttle' | 'rerun' | 'none';

function strategyOf({ category, certainty, structural }: Failure): Strategy | 'applied' {
  if (certainty === 'applied') return 'applied';
  switch (category) {
    case 'network':
    case 'service':
      return structural ? 'none' : 'backoff';
    case 'throttle':
      return 'throttle';
    case 'contention':
      return 'rerun';
    case 'bug': // few tries: the policy's attempts; a structural one fails the same way each time
      return structural ? 'none' : 'backoff';
    case 'data':
    case 'configuration':
    case 'business':
      return 'none';
    default:
      return category satisfies never;
  }
}

/** Pure: what to do after a failed attempt. No wait is chosen that would end after the deadline. */
export function decideRetry({
  failure,
  policy,
  attempt,
  reruns,
  spentMs,
  random,
}: RetryQuestion): RetryDecision {
  // Waiting here would hold the caller, and knocking at an open breaker is no attempt: it decides when to come back.
  if (failure.code === BREAKER_OPEN) return { kind: 'give_up', reason: 'breaker_open' };
  const strategy = strategyOf(failure);
  if (strategy === 'none') return { kind: 'give_up', reason: 'not_retryable' };
  if (strategy === 'applied') return { kind: 'give_up', reason: 'applied' };
  const rerun = strategy === 'rerun';
  if (rerun ? reruns >= MAX_RERUNS : attempt >= policy.attempts)
    return { kind: 'give_up', reason: 'attempts' };
  const wait = waitAfter(failure, policy.backoff, rerun ? reruns + 1 : attempt, random);
  if (spentMs + wait.computedMs >= policy.deadlineMs) return { kind: 'give_up', reason: 'deadline' };
  return { kind: rerun ? 'rerun' : 'again', wait };
}
