import { BREAKER_OPEN, type CallOutcome } from './breaker-state.ts';
import { BULKHEAD_FULL } from './bulkhead.ts';
import { DEADLINE_PASSED } from './deadline.ts';
import type { Category, Failure } from '@convergekit/core';

/**
 * How a failed call is tried again, by its category.
 * backoff   after an exponential, jittered delay
 * throttle  the same from a base of 1 s, at least what `Retry-After` asks for
 * rerun     at once with jitter: it costs no attempt
 * never     trying again cannot help
 */
export type Retrying = 'backoff' | 'throttle' | 'rerun' | 'never';

/**
 * What a consumer does with an event when trying in place is over: the words of its attempts' outcomes.
 * park    the key waits, in order; the slow schedule tries again
 * dead    waiting does not mend it: a dead letter, with its bytes, for a person; of bad data the `refetch` hook is asked first
 * reject  a declared no: the failure event goes out, upstream compensates
 * stop    the consumer stops and names the setting; nothing is parked
 */
export type Disposition = 'park' | 'dead' | 'reject' | 'stop';

export interface Strategy {
  readonly retrying: Retrying;
  /** Whether it is tried again although the failure is structural (only a change mends it). */
  readonly whenStructural: boolean;
  /** What a retry takes from the budget. */
  readonly price: 'transient' | 'throttle' | 'nothing';
  /** Whether it counts against the dependency in its breaker. `unknown`: only where the outcome is unknown. */
  readonly blames: 'always' | 'unknown' | 'never';
  readonly afterwards: Disposition;
  /** One line for people: what is done, and why. */
  readonly summary: string;
}

const patient = { retrying: 'backoff', whenStructural: false, price: 'transient', blames: 'always' } as const;
const hopeless = { retrying: 'never', whenStructural: false, price: 'nothing', blames: 'never' } as const;

/** The strategy of every category: the one place that retry, budget, breaker, consumers and the guides read. */
export const strategies: Readonly<Record<Category, Strategy>> = Object.freeze({
  network: {
    ...patient,
    afterwards: 'park',
    summary:
      'tried again with exponential backoff and full jitter, base 50 ms: the way there heals by itself',
  },
  throttle: {
    retrying: 'throttle',
    whenStructural: true,
    price: 'throttle',
    blames: 'always',
    afterwards: 'park',
    summary: 'tried again from a base of 1 s, or when Retry-After says (at most 5 s above our own delay)',
  },
  service: {
    ...patient,
    afterwards: 'park',
    summary: "tried again like network until the operation's own breaker opens; then nothing is called",
  },
  contention: {
    retrying: 'rerun',
    whenStructural: true,
    price: 'nothing',
    blames: 'never',
    afterwards: 'park',
    summary: 'run again with jitter, which is no attempt: two transactions met',
  },
  data: {
    ...hopeless,
    afterwards: 'dead',
    summary:
      'not tried again: the current truth is fetched by key and validated, else it waits with its bytes',
  },
  configuration: {
    ...hopeless,
    afterwards: 'stop',
    summary: 'stops fast and names setting, source and fix: no event is at fault',
  },
  business: {
    ...hopeless,
    afterwards: 'reject',
    summary: 'a declared rejection: answered by a failure event, never tried again',
  },
  bug: {
    retrying: 'backoff',
    whenStructural: false,
    price: 'transient',
    blames: 'unknown',
    afterwards: 'dead',
    summary: 'a few tries, then it waits and somebody is told: the code must change',
  },
});

/** How a failure is tried again, all its axes considered; a reason where it is not. */
export function retryingOf({
  category,
  certainty,
  structural,
  code,
}: Failure): Exclude<Retrying, 'never'> | 'not_retryable' | 'applied' | 'breaker_open' {
  // Waiting here would hold the caller, and knocking at an open breaker is no attempt: it decides when to come back.
  if (code === BREAKER_OPEN) return 'breaker_open';
  if (certainty === 'applied') return 'applied';
  if (code === DEADLINE_PASSED) return 'not_retryable';
  const { retrying, whenStructural } = strategies[category];
  return retrying === 'never' || (structural && !whenStructural) ? 'not_retryable' : retrying;
}

/** Decides what becomes of an event when trying in place is over. What took effect is never tried again. */
export function dispositionOf({ category, certainty, code }: Failure): Disposition {
  // Its time will not come back.
  if (code === DEADLINE_PASSED) return 'dead';
  const { afterwards } = strategies[category];
  return afterwards === 'park' && certainty === 'applied' ? 'dead' : afterwards;
}

/**
 * What alerts tell apart: `structural` is mended by a change alone (a migration is missing) and is worth a person at once,
 * a `transient` one is not, however many come in a burst.
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

/** Refusals of our own guards: the dependency was not called. */
const OWN_REFUSALS: ReadonlySet<string> = new Set([BREAKER_OPEN, BULKHEAD_FULL, DEADLINE_PASSED]);

/** Reads from a failure what a breaker counts. */
export function outcomeForBreaker(failure: Failure): CallOutcome {
  if (OWN_REFUSALS.has(failure.code)) return 'not_called';
  return countsAgainstBreaker(failure) ? 'failed' : 'succeeded';
}

/** Whether a failure says anything about the dependency's health. A refused card or a bad event does not. */
export function countsAgainstBreaker({ category, certainty, code }: Failure): boolean {
  if (OWN_REFUSALS.has(code)) return false;
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
