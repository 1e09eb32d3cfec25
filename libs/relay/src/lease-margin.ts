/**
 * What the holder of a lease may believe, on its own monotonic clock. The time counts from the moment *before* the
 * renewal was asked for: the database's clock started later, so this side always gives up first. A process that was
 * stopped for a while sees on waking that the time is over, without asking anybody.
 */
export class LeaseMargin {
  #validUntil: number;
  readonly #leaseMs: number;
  readonly #stopBeforeMs: number;

  constructor(askedAt: number, leaseMs: number, stopBeforeMs: number) {
    this.#leaseMs = leaseMs;
    this.#stopBeforeMs = stopBeforeMs;
    this.#validUntil = askedAt + leaseMs;
  }

  renewed(askedAt: number): void {
    this.#validUntil = Math.max(this.#validUntil, askedAt + this.#leaseMs);
  }

  /** Milliseconds for which sending is allowed: a produce in flight needs the rest to come back. */
  maySendFor(now: number): number {
    return Math.max(0, this.#validUntil - this.#stopBeforeMs - now);
  }

  isOver(now: number): boolean {
    return now >= this.#validUntil;
  }
}
