import { type Backoff, cappedMs } from '@convergekit/core/engine';
import { applyHint, RETRY_AFTER_SLACK_MS, type Wait } from './wait.ts';

/**
 * The retry schedule of work that waits outside its partition: parked events, compensations.
 * A few fast attempts first, for failures that last seconds, then ever slower ones, for those that need a deployment or
 * an operator. Plain data, in milliseconds.
 */
export interface SlowSchedule {
  /** The delays of the first `fastAttempts` attempts. */
  readonly fast: Backoff;
  /** The number of attempts after `fast` delays; 0 = only slow ones. */
  readonly fastAttempts: number;
  /** The delays after the fast attempts, counted from the first slow attempt. */
  readonly slow: Backoff;
  /** The schedule is exhausted this long after the first failure: no attempt starts later. */
  readonly withinMs: number;
}

/** The default delays: 1, 2, 4, 8, 16 s, then 1, 2, 4 … 60 min, for one day (about 40 attempts). */
export const defaultSlowSchedule: SlowSchedule = Object.freeze({
  fast: Object.freeze({ baseMs: 1_000, factor: 2, capMs: 30_000 }),
  fastAttempts: 5,
  slow: Object.freeze({ baseMs: 60_000, factor: 2, capMs: 3_600_000 }),
  withinMs: 86_400_000,
});

export interface SlowQuestion {
  /** Number of failed attempts on this schedule, from 1, without the attempts in place. */
  readonly attempt: number;
  /** Milliseconds since the first failure. */
  readonly elapsedMs: number;
  /**
   * The delay that the other side requested, in milliseconds. It may exceed the schedule's delay by 5 s. @default none
   */
  readonly retryAfterMs?: number | undefined;
  readonly random: () => number;
}

/** `exhausted`: the schedule's time is over; the event becomes a dead letter, or waits for an operator. */
export type SlowDecision = { readonly kind: 'again'; readonly wait: Wait } | { readonly kind: 'exhausted' };

/** Decides when the next attempt of a schedule is due. Pure. */
export function nextSlowAttempt(
  schedule: SlowSchedule,
  { attempt, elapsedMs, retryAfterMs, random }: SlowQuestion,
): SlowDecision {
  const wait = slowWait(schedule, { attempt, retryAfterMs, random });
  return elapsedMs + wait.computedMs > schedule.withinMs ? { kind: 'exhausted' } : { kind: 'again', wait };
}

/** Computes the wait after a failed attempt, whether or not the schedule's time is over. */
export function slowWait(
  schedule: SlowSchedule,
  { attempt, retryAfterMs, random }: Omit<SlowQuestion, 'elapsedMs'>,
): Wait {
  const own = {
    computedMs: slowDelayMs(schedule, attempt, random),
    capMs: longestMs(schedule, attempt),
    rule: 'slow_schedule',
  } as const;
  return applyHint(own, retryAfterMs);
}

/**
 * Computes the delay after failed attempt `attempt` (from 1): capped, then drawn from its upper half.
 * The lower half is always waited: with full jitter, a thousand parked keys would call a failing dependency far more
 * often than the schedule says.
 */
export function slowDelayMs(schedule: SlowSchedule, attempt: number, random: () => number): number {
  const most = longestMs(schedule, attempt);
  return Math.floor(most / 2 + (random() * most) / 2);
}

function longestMs({ fast, fastAttempts, slow }: SlowSchedule, attempt: number): number {
  return attempt <= fastAttempts ? cappedMs(fast, attempt) : cappedMs(slow, attempt - fastAttempts);
}

/** Returns the longest wait of a schedule, in milliseconds, with the time that the other side may add. */
export function longestWaitMs({ fast, slow }: SlowSchedule): number {
  return Math.max(fast.capMs, slow.capMs) + RETRY_AFTER_SLACK_MS;
}
