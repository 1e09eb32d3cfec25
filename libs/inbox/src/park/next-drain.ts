import {
  BREAKER_OPEN,
  type Category,
  type Failure,
  nextSlowAttempt,
  type SlowSchedule,
} from '@converge/resilience';
import type { Random } from '@converge/runtime';
import { breakerPauseMs, type NextAttempt } from '../decide/next-attempt.ts';

export interface DrainTried {
  /** Tries of drains that failed in this run, this one included. */
  readonly tries: number;
  /** Milliseconds since the event's first attempt. */
  readonly elapsedMs: number;
  /** Attempts in all that ended in each category, this one included. */
  readonly of: (category: Category) => number;
}

/** `retry`: tried again on the schedule; `pause`: nothing was called, no try is counted. */
export type NextDrain = Exclude<NextAttempt, { kind: 'rerun' | 'park' }>;

/** Bugs are tried as often as in place, since waiting does not mend code. */
const bugAttempts = 3;

/** What follows a parked event's failed attempt. Pure; `random` draws the jitter. */
export function nextDrain(
  failure: Failure,
  tried: DrainTried,
  schedule: SlowSchedule,
  random: Random,
): NextDrain {
  if (failure.code === BREAKER_OPEN) return { kind: 'pause', forMs: breakerPauseMs(failure) };
  switch (failure.category) {
    case 'configuration':
      return { kind: 'stop' };
    case 'business':
      return { kind: 'reject' };
    case 'data':
      return { kind: 'dead' };
    case 'bug':
      return tried.of('bug') >= bugAttempts ? { kind: 'dead' } : again(failure, tried, schedule, random);
    case 'network':
    case 'throttle':
    case 'service':
    case 'contention':
      return again(failure, tried, schedule, random);
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
