import type { Clock } from '@convergekit/core';
import type { Executor } from './executor.ts';

/** The time of a database, which decides where the wall clock of one process may be wrong. */
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

/** Reads the time of the database, which wrote what is compared with it, in whole milliseconds since 1970. */
export async function readDatabaseTime(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ ms: number }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  return Math.floor(rows[0]?.ms ?? Number.NaN);
}
