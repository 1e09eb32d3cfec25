import { BREAKER_OPEN, type CallOutcome } from './breaker-state.ts';
import { BULKHEAD_FULL } from './bulkhead.ts';
import { DEADLINE_PASSED } from './deadline.ts';
import type { Category, Failure } from '@convergekit/core';

/**
 * The kind of retry of a failed call, by category:
 * backoff   after an exponential, jittered delay
 * throttle  the same from a base of 1 s, and at least as long as `Retry-After`
 * rerun     at once with jitter; it costs no attempt
 * never     a retry cannot help
 */
export type Retrying = 'backoff' | 'throttle' | 'rerun' | 'never';

/**
 * The treatment of an event after its last attempt in place; also the outcome of that attempt:
 * park    the key waits, in order; the slow schedule retries
 * dead    a dead letter, with its bytes, for an operator; for bad data the `refetch` hook runs first
 * reject  an expected refusal: the failure event is emitted, earlier steps compensate
 * stop    the consumer stops and names the setting; nothing is parked
 */
export type Disposition = 'park' | 'dead' | 'reject' | 'stop';

export interface Strategy {
  readonly retrying: Retrying;
  /** True if a structural failure is retried, too, although only a change resolves it. */
  readonly whenStructural: boolean;
  /** The price of a retry in the budget. */
  readonly price: 'transient' | 'throttle' | 'nothing';
  /**
   * The failures that count against the dependency in its breaker. `unknown`: only failures with an unknown outcome.
   */
  readonly blames: 'always' | 'unknown' | 'never';
  readonly disposition: Disposition;
  /** The strategy as a line of text, with its reason. */
  readonly summary: string;
}

const retryable = {
  retrying: 'backoff',
  whenStructural: false,
  price: 'transient',
  blames: 'always',
} as const;
const notRetryable = { retrying: 'never', whenStructural: false, price: 'nothing', blames: 'never' } as const;

/**
 * The strategy of every category, read by retry, budget, breaker, consumers and guides.
 * @example
 * ```ts
 * import { classify, strategies } from 'convergekit';
 *
 * const { category } = classify(new TypeError('order is undefined'));
 * console.log(`${category}: ${strategies[category].summary}`);
 * ```
 */
export const strategies: Readonly<Record<Category, Strategy>> = Object.freeze({
  network: {
    ...retryable,
    disposition: 'park',
    summary: 'retried with exponential backoff and full jitter, base 50 ms: network failures usually pass',
  },
  throttle: {
    retrying: 'throttle',
    whenStructural: true,
    price: 'throttle',
    blames: 'always',
    disposition: 'park',
    summary: 'retried from a base of 1 s, or when Retry-After says (at most 5 s above our own delay)',
  },
  service: {
    ...retryable,
    disposition: 'park',
    summary: "retried like network until the operation's own breaker opens; then nothing is called",
  },
  contention: {
    retrying: 'rerun',
    whenStructural: true,
    price: 'nothing',
    blames: 'never',
    disposition: 'park',
    summary: 'run again with jitter, which is no attempt: two transactions conflicted',
  },
  data: {
    ...notRetryable,
    disposition: 'dead',
    summary: 'not retried: the current state is fetched by key and validated, else it waits with its bytes',
  },
  configuration: {
    ...notRetryable,
    disposition: 'stop',
    summary: 'stops at once and names setting, source and fix: no event is at fault',
  },
  business: {
    ...notRetryable,
    disposition: 'reject',
    summary: 'an expected refusal: reported by a failure event, never retried',
  },
  bug: {
    retrying: 'backoff',
    whenStructural: false,
    price: 'transient',
    blames: 'unknown',
    disposition: 'dead',
    summary:
      'parked and tried over 15 min, then a dead letter, which failure handlers compensate; at most 5 an hour, then the consumer pauses',
  },
});

/** Decides how a failure is retried, by all its axes; returns the reason when it is not retried. */
export function retryingOf({
  category,
  certainty,
  structural,
  code,
}: Failure): Exclude<Retrying, 'never'> | 'not_retryable' | 'applied' | 'breaker_open' {
  // A call of an open breaker is no attempt, and a wait here would block the caller: the caller decides when to return.
  if (code === BREAKER_OPEN) return 'breaker_open';
  if (certainty === 'applied') return 'applied';
  if (code === DEADLINE_PASSED) return 'not_retryable';
  const { retrying, whenStructural } = strategies[category];
  return retrying === 'never' || (structural && !whenStructural) ? 'not_retryable' : retrying;
}

/** Decides what happens to an event after its last attempt in place. A failure that took effect is never retried. */
export function dispositionOf({ category, certainty, code }: Failure): Disposition {
  // No later attempt can meet the deadline.
  if (code === DEADLINE_PASSED) return 'dead';
  const { disposition } = strategies[category];
  return disposition === 'park' && certainty === 'applied' ? 'dead' : disposition;
}

/**
 * The kind of a failure for alerts. `structural`: only a change resolves it (a migration is missing).
 * It is worth a page at once; a `transient` one is not, however many occur in a burst.
 */
export type FailureKind = 'structural' | 'data' | 'bug' | 'business' | 'transient';

export function kindOf({ category, structural }: Pick<Failure, 'category' | 'structural'>): FailureKind {
  if (structural) return 'structural';
  switch (category) {
    case 'configuration':
      return 'structural';
    case 'data':
    case 'bug':
    case 'business':
      return category;
    case 'network':
    case 'throttle':
    case 'service':
    case 'contention':
      return 'transient';
  }
}

/** Codes of our own guards: the dependency was not called. */
const GUARD_REFUSALS: ReadonlySet<string> = new Set([BREAKER_OPEN, BULKHEAD_FULL, DEADLINE_PASSED]);

/** Maps a failure to the outcome that a breaker records. */
export function outcomeForBreaker(failure: Failure): CallOutcome {
  if (GUARD_REFUSALS.has(failure.code)) return 'not_called';
  return countsAgainstBreaker(failure) ? 'failed' : 'succeeded';
}

/** True if a failure indicates an unhealthy dependency. A refused card or a bad event does not. */
function countsAgainstBreaker({ category, certainty }: Failure): boolean {
  const { blames } = strategies[category];
  switch (blames) {
    case 'always':
      return true;
    case 'never':
      return false;
    case 'unknown':
      return certainty === 'unknown';
  }
}
