import { type Backoff, cappedMs, delayMs } from './backoff.ts';
import type { Failure } from '@convergekit/core';

/**
 * Why a wait is as long as it is.
 * backoff        drawn from the policy's backoff
 * throttle       drawn from a backoff that begins at a second
 * retry_after    the other side's wish decided, within its bounds
 * contention     the database asked for a rerun; it costs no attempt
 * breaker_open   the breaker of the dependency says when to come back
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

/** A wait before an attempt, with everything it was computed from. Plain data, kept with the attempt that failed. */
export interface Wait {
  /** What is waited, milliseconds. */
  readonly computedMs: number;
  /** What the other side asked for, milliseconds. Absent when it asked for nothing. */
  readonly hintMs?: number;
  /** The longest that this wait could have been, milliseconds. */
  readonly capMs: number;
  /** What was left of the retry budget after this retry was paid, 0 to 1. Absent where retries are free. */
  readonly budgetLeft?: number;
  readonly rule: WaitRule;
}

/** Throttled callers begin slower than others. */
export const THROTTLE_BASE_MS = 1_000;
/** How far above our own delay a `Retry-After` may push us: an absurd one must not park the caller for hours. */
const RETRY_AFTER_SLACK_MS = 5_000;

/** Pure: the wait after failed attempt (or rerun) number `count`. */
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
  return hinted(own, retryAfterMs);
}

/** What the other side asked for, honoured within [own, own + 5 s]. */
export function hinted(own: Wait, hintMs: number | undefined): Wait {
  if (hintMs === undefined) return own;
  if (hintMs <= own.computedMs) return { ...own, hintMs };
  const capMs = own.computedMs + RETRY_AFTER_SLACK_MS;
  return { ...own, computedMs: Math.min(hintMs, capMs), hintMs, capMs, rule: 'retry_after' };
}
