import { type Backoff, cappedMs } from './backoff.ts';
import { hinted, type Wait } from './wait.ts';

/**
 * When to try again what waits outside its partition: a parked event, a compensation. First a few quick tries, for what
 * heals in seconds, then slower and slower ones, for what needs a deployment or a person. Plain data, milliseconds.
 */
export interface SlowSchedule {
  /** The delays of the first `fastAttempts` tries. */
  readonly fast: Backoff;
  readonly fastAttempts: number;
  /** The delays after them, counted from their own beginning. */
  readonly slow: Backoff;
  /** No try begins later than that after the first failure: it is exhausted then. */
  readonly withinMs: number;
}

/** 1, 2, 4, 8, 16 s, then 1, 2, 4 … 60 min, until a day has gone: some 40 tries. */
export const defaultSlowSchedule: SlowSchedule = Object.freeze({
  fast: Object.freeze({ baseMs: 1_000, factor: 2, capMs: 30_000 }),
  fastAttempts: 5,
  slow: Object.freeze({ baseMs: 60_000, factor: 2, capMs: 3_600_000 }),
  withinMs: 86_400_000,
});

export interface SlowQuestion {
  /** Tries on this schedule that failed, from 1; the attempts in place are not among them. */
  readonly attempt: number;
  /** Milliseconds since the first failure. */
  readonly elapsedMs: number;
  /** What the other side asked for, milliseconds. Honoured as in place: at most 5 s above our own delay. @default none */
  readonly retryAfterMs?: number | undefined;
  readonly random: () => number;
}

/** `exhausted`: the schedule's time is over; what waits becomes a dead letter, or is for a person. */
export type SlowDecision = { readonly kind: 'again'; readonly wait: Wait } | { readonly kind: 'exhausted' };

/** Pure: when the next try of a schedule is. */
export function nextSlowAttempt(
  schedule: SlowSchedule,
  { attempt, elapsedMs, retryAfterMs, random }: SlowQuestion,
): SlowDecision {
  const own = {
    computedMs: slowDelayMs(schedule, attempt, random),
    capMs: longestMs(schedule, attempt),
    rule: 'slow_schedule',
  } as const;
  const wait = hinted(own, retryAfterMs);
  return elapsedMs + wait.computedMs > schedule.withinMs ? { kind: 'exhausted' } : { kind: 'again', wait };
}

/**
 * The delay after failed try number `attempt` (from 1): capped, then drawn from its upper half. The lower half is kept
 * as a real wait: with full jitter a thousand parked keys would knock at a dead dependency far more often than said.
 */
export function slowDelayMs(schedule: SlowSchedule, attempt: number, random: () => number): number {
  const most = longestMs(schedule, attempt);
  return Math.floor(most / 2 + (random() * most) / 2);
}

function longestMs({ fast, fastAttempts, slow }: SlowSchedule, attempt: number): number {
  return attempt <= fastAttempts ? cappedMs(fast, attempt) : cappedMs(slow, attempt - fastAttempts);
}
