/** Exponential backoff as an immutable value. Durations in milliseconds. */
export interface Backoff {
  readonly baseMs: number;
  readonly factor: number;
  readonly capMs: number;
}

/**
 * How long to wait after failed attempt number `attempt` (from 1): the exponential delay is capped, THEN drawn with
 * full jitter from [0, capped). Jitter before the cap is lost to it: most delays then equal the cap and the clients
 * come back as a herd. Source: "Exponential Backoff And Jitter", AWS Architecture Blog (full jitter).
 */
export function delayMs(backoff: Backoff, attempt: number, random: () => number): number {
  return Math.floor(random() * cappedMs(backoff, attempt));
}

/** The upper end of the jitter after failed attempt number `attempt`. */
export function cappedMs({ baseMs, factor, capMs }: Backoff, attempt: number): number {
  return Math.min(capMs, baseMs * factor ** (attempt - 1));
}
