import type { Clock } from '@convergekit/core';

/** The time of the consumer's database, by which the age of records is computed: the clock of one process may be wrong. */
export class DatabaseTime {
  readonly #clock: Clock;
  /** The time of the database less the monotonic time of this process; undefined before the first reading. */
  #aheadMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes the time that the database has just answered with, in milliseconds since 1970. */
  read(databaseMs: number): void {
    this.#aheadMs = databaseMs - this.#clock.monotonic();
  }

  now(): number {
    return this.#aheadMs === undefined ? this.#clock.now() : this.#clock.monotonic() + this.#aheadMs;
  }
}
