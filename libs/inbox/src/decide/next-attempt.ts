import {
  type Backoff,
  bound,
  BREAKER_OPEN,
  type Failure,
  type Objective,
  type Policy,
  type Wait,
  waitAfter,
} from '@converge/resilience';
import type { Random } from '@converge/runtime';

/** How often and how long one event is tried in place before it is given up. Short: it holds its partition. */
export interface InPlacePolicy {
  /** Attempts in all. @default 3 */
  readonly attempts: number;
  /** Milliseconds from the first attempt, waits included, after which no other begins. @default 2_000 */
  readonly withinMs: number;
  /** @default base 50 ms, doubling, up to 1 s */
  readonly backoff: Backoff;
  /** Reruns that the database asked for, before they are taken for attempts. @default 50 */
  readonly reruns: number;
  /** What is promised of the attempts; they are counted under its name. @default none */
  readonly objective?: Objective;
}

export const defaultInPlace: InPlacePolicy = Object.freeze({
  attempts: 3,
  withinMs: 2_000,
  backoff: Object.freeze({ baseMs: 50, factor: 2, capMs: 1_000 }),
  reruns: 50,
});

/**
 * What a policy of the book says about attempts in place: its attempts, its backoff, and its deadline as the time within
 * which they begin. How long a handler may take is the service's `maxHandleMs`; contention reruns are not configured.
 */
export function inPlaceOf({ attempts, backoff, deadlineMs, objective }: Policy): InPlacePolicy {
  return {
    attempts: bound(attempts),
    withinMs: bound(deadlineMs),
    backoff,
    reruns: defaultInPlace.reruns,
    ...(objective === undefined ? {} : { objective }),
  };
}

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

/** What follows a failed attempt. Pure; `random` draws the jitter. */
export function nextAttempt(
  failure: Failure,
  tried: Tried,
  policy: InPlacePolicy,
  random: Random,
): NextAttempt {
  if (failure.code === BREAKER_OPEN) return { kind: 'pause', forMs: breakerPauseMs(failure) };
  switch (failure.category) {
    case 'configuration':
      return { kind: 'stop' };
    case 'data':
      return { kind: 'dead' };
    case 'business':
      return { kind: 'reject' };
    case 'contention':
      if (tried.reruns < policy.reruns)
        return { kind: 'rerun', wait: waitAfter(failure, policy.backoff, tried.reruns + 1, random) };
      return again(failure, tried, policy, random) ?? { kind: 'park' };
    case 'network':
    case 'throttle':
    case 'service':
      return again(failure, tried, policy, random) ?? { kind: 'park' };
    case 'bug':
      return again(failure, tried, policy, random) ?? { kind: 'dead' };
  }
}

function again(
  failure: Failure,
  tried: Tried,
  policy: InPlacePolicy,
  random: Random,
): NextAttempt | undefined {
  if (tried.attempts >= policy.attempts) return undefined;
  const wait = waitAfter(failure, policy.backoff, tried.attempts, random);
  // A wait that does not fit is not begun: the partition is not held for what cannot end in time.
  return tried.elapsedMs + wait.computedMs > policy.withinMs ? undefined : { kind: 'retry', wait };
}

/** A breaker that an operator isolated, or one that does not say, is looked at again within these bounds. */
const leastPauseMs = 50;
const mostPauseMs = 30_000;

/** How long a partition waits for an open breaker: as long as the breaker says, within bounds. */
export function breakerPauseMs({ retryAfterMs = 1_000 }: Pick<Failure, 'retryAfterMs'>): number {
  return Math.min(Math.max(retryAfterMs, leastPauseMs), mostPauseMs);
}
