/** A steady rate with a bounded burst. */
export interface TokenRate {
  /** Tokens per second. */
  readonly perSecond: number;
  /** Tokens that may be taken at once after a quiet time. */
  readonly burst: number;
}

/**
 * Keeps calls at or below a rate that the other side has set: never above it, whatever the callers do. A token taken is
 * a promise to call at the time that is returned, so waiters are served in the order in which they asked.
 */
export class TokenBucket {
  readonly #emptyMs: number;
  readonly #burstMs: number;
  /** The virtual time at which all tokens given out so far are earned. */
  #earnedAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: TokenRate) {
    if (!(perSecond > 0) || !(burst >= 1))
      throw new RangeError(
        `a rate of ${perSecond} per second with a burst of ${burst} lets nothing through: give a rate above 0 and a burst of at least 1`,
      );
    this.#emptyMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#emptyMs;
  }

  /** Takes one token; returns how long to wait before using it, milliseconds. `now` is a monotonic time. */
  take(now: number): number {
    const from = Math.max(this.#earnedAt, now - this.#burstMs);
    this.#earnedAt = from + this.#emptyMs;
    return Math.max(0, this.#earnedAt - now);
  }
}
