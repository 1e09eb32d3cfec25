/** A steady rate with a bounded burst. */
export interface TokenRate {
  /** The refill, in tokens per second. */
  readonly perSecond: number;
  /** Maximum number of tokens at once after an idle period. */
  readonly burst: number;
}

/**
 * Limits the reads of this process to a rate: one reconciler reads the provider at a time. Calls of several processes share a
 * quota of the kit instead.
 * A taken token is a reservation for the returned time, so that callers are served in request order.
 */
export class TokenBucket {
  readonly #emptyMs: number;
  readonly #burstMs: number;
  /** The virtual time at which all issued tokens are earned. */
  #earnedAt = Number.NEGATIVE_INFINITY;

  constructor({ perSecond, burst }: TokenRate) {
    if (!(perSecond > 0) || !(burst >= 1))
      throw new RangeError(
        `a rate of ${perSecond} per second with a burst of ${burst} lets nothing through: give a rate above 0 and a burst of at least 1`,
      );
    this.#emptyMs = 1_000 / perSecond;
    this.#burstMs = burst * this.#emptyMs;
  }

  /** Takes one token; returns the milliseconds to wait before using it. `now` is a monotonic time. */
  take(now: number): number {
    const from = Math.max(this.#earnedAt, now - this.#burstMs);
    this.#earnedAt = from + this.#emptyMs;
    return Math.max(0, this.#earnedAt - now);
  }
}
