import type { Category, Failure, Random } from '@convergekit/core';
import { dispositionOf, bound, nextSlowAttempt, retryingOf } from '@convergekit/resilience/engine';
import type { Policy, SlowSchedule } from '@convergekit/resilience';
import { awaitsFix, giveUpRulesOf } from './give-up-rules.ts';
import { breakerPauseMs, type NextAttempt } from '../attempt/next-attempt.ts';

export interface DrainTried {
  /** Failed attempts of drains in this run, this one included. */
  readonly tries: number;
  /** Milliseconds since the event's first attempt. */
  readonly elapsedMs: number;
  /** Returns the number of attempts that ended in a category, including the present one. */
  readonly of: (category: Category) => number;
  /** True for what is given up at once, since the engine of its saga retries it. */
  readonly bypasses?: boolean;
}

/** `retry`: again on the schedule; `pause`: nothing was called, and no attempt is counted. */
export type NextDrain = Exclude<NextAttempt, { kind: 'rerun' | 'park' }>;

export interface DrainPolicy {
  readonly schedule: SlowSchedule;
  /** Of the handler: its attempts, those in place included, bound failures that waiting does not resolve. */
  readonly policy: Pick<Policy, 'attempts' | 'giveUp'>;
}

/** Decides what follows a failed attempt at a parked event, by the strategy table. Pure; `random` draws the jitter. */
export function nextDrain(
  failure: Failure,
  tried: DrainTried,
  { schedule, policy }: DrainPolicy,
  random: Random,
): NextDrain {
  const retrying = retryingOf(failure);
  if (retrying === 'breaker_open') return { kind: 'pause', forMs: breakerPauseMs(failure) };
  const disposition = dispositionOf(failure);
  switch (disposition) {
    case 'park':
      return again(failure, tried, schedule, random);
    case 'dead': {
      if (tried.bypasses !== true && awaitsFix(failure, tried.elapsedMs, giveUpRulesOf(policy)))
        return again(failure, tried, schedule, random);
      const mayHelp = retrying !== 'not_retryable' && retrying !== 'applied';
      return mayHelp && tried.of(failure.category) < bound(policy.attempts)
        ? again(failure, tried, schedule, random)
        : { kind: 'dead' };
    }
    case 'reject':
    case 'stop':
      return { kind: disposition };
  }
}

function again(
  { retryAfterMs }: Failure,
  { tries, elapsedMs }: DrainTried,
  schedule: SlowSchedule,
  random: Random,
): NextDrain {
  const next = nextSlowAttempt(schedule, { attempt: tries, elapsedMs, retryAfterMs, random });
  return next.kind === 'again' ? { kind: 'retry', wait: next.wait } : { kind: 'dead' };
}
