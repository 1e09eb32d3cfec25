import { type Backoff, cappedMs, delayMs } from '@convergekit/core/engine';
import type { Failure } from '@convergekit/core';

/**
 * The rule that determined a wait:
 * backoff        drawn from the policy's backoff
 * throttle       drawn from a backoff that starts at one second
 * retry_after    requested by the other side, within bounds
 * contention     the database requested a rerun; it costs no attempt
 * breaker_open   the breaker of the dependency reports when to return
 * slow_schedule  the schedule of parked events and compensations: minutes to hours
 */
export const WAIT_RULES = Object.freeze([
  'backoff',
  'throttle',
  'retry_after',
  'contention',
  'breaker_open',
  'slow_schedule',
] as const);

export type WaitRule = (typeof WAIT_RULES)[number];

/** The wait before an attempt, with its inputs. Plain data, stored with the failed attempt. */
export interface Wait {
  /** The wait in milliseconds. */
  readonly computedMs: number;
  /** The delay that the other side requested, in milliseconds; absent if none. */
  readonly hintMs?: number;
  /** The longest possible value of this wait, in milliseconds. */
  readonly capMs: number;
  /** The budget left after this retry, 0 to 1. Absent if retries are free. */
  readonly budgetLeft?: number;
  /** The rule that decided the length. */
  readonly rule: WaitRule;
}

/** The base delay after throttling, longer than for other failures. */
export const THROTTLE_BASE_MS = 1_000;
/** The most that a `Retry-After` may exceed the kit's own delay: a caller must not wait for hours. */
export const RETRY_AFTER_SLACK_MS = 5_000;

/** Computes the wait after failed attempt (or rerun) `count`. Pure. */
export function waitAfter(
  { category, retryAfterMs }: Pick<Failure, 'category' | 'retryAfterMs'>,
  backoff: Backoff,
  count: number,
  random: () => number,
): Wait {
  const throttled = category === 'throttle';
  const used = throttled ? { ...backoff, baseMs: Math.max(backoff.baseMs, THROTTLE_BASE_MS) } : backoff;
  const rule = throttled ? 'throttle' : category === 'contention' ? 'contention' : 'backoff';
  const own = { computedMs: delayMs(used, count, random), capMs: cappedMs(used, count), rule } as const;
  return applyHint(own, retryAfterMs);
}

/** Applies the delay requested by the other side, within [own, own + 5 s]. */
export function applyHint(own: Wait, hintMs: number | undefined): Wait {
  if (hintMs === undefined) return own;
  if (hintMs <= own.computedMs) return { ...own, hintMs };
  const capMs = own.computedMs + RETRY_AFTER_SLACK_MS;
  return { ...own, computedMs: Math.min(hintMs, capMs), hintMs, capMs, rule: 'retry_after' };
}
