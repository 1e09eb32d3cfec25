import type { Random } from './random.ts';

/** Exponential backoff as an immutable value. All durations are in milliseconds. */
export interface Backoff {
  /** The longest first delay. */
  readonly baseMs: number;
  /** The growth of the delay from one attempt to the next, such as 2. */
  readonly factor: number;
  /** The longest delay of all. */
  readonly capMs: number;
}

/**
 * The pauses between two looks for a database or broker that is away. Its return is noticed within a second, however long
 * it was away; the jitter spreads the processes that look.
 */
export const outageBackoff: Backoff = Object.freeze({ baseMs: 50, factor: 2, capMs: 1_000 });

/**
 * Computes the delay after failed attempt `attempt` (from 1) with full jitter.
 * The exponential delay is capped first, THEN drawn from [0, capped). With jitter before the cap, most delays would equal
 * the cap and all clients would return at the same time. Source: "Exponential Backoff And Jitter", AWS Architecture Blog.
 */
export function delayMs(backoff: Backoff, attempt: number, random: Random): number {
  return Math.floor(random() * cappedMs(backoff, attempt));
}

/** Computes the upper end of the jitter after failed attempt `attempt`. */
export function cappedMs({ baseMs, factor, capMs }: Backoff, attempt: number): number {
  return Math.min(capMs, baseMs * factor ** (attempt - 1));
}
