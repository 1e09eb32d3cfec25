/** The number of calls over which an average forgets, and of slices. */
const LAST = 16;

/**
 * The averages of a consumer's last slices, in milliseconds. Both grow alike on a busy machine, so their ratio shows how
 * much of a slice its handlers are.
 */
export class HandlerPace {
  #callMs = 0;
  #openMs = 0;

  /** The time of a call of a handler. */
  get callMs(): number {
    return this.#callMs;
  }

  /** The time of a slice's first statement. */
  get openMs(): number {
    return this.#openMs;
  }

  opened(ms: number): void {
    this.#openMs += (ms - this.#openMs) / LAST;
  }

  /** Counts calls that took `ms` milliseconds together. */
  called(calls: number, ms: number): void {
    if (calls > 0) this.#callMs += Math.min(1, calls / LAST) * (ms / calls - this.#callMs);
  }
}
