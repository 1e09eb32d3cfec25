import type { Clock } from '@convergekit/core';
import type { Log } from '@convergekit/broker/engine';
import type { LogSession } from '../session/log-session.ts';
import { dropExpiredChildren, makeChildren } from './children-sql.ts';

/** The time between two runs of one process, in milliseconds. Children are made days ahead. */
const EVERY_MS = 600_000;

/** Makes the children of the next days and drops old ones, now and then, beside the sends of a process. */
export class Maintenance {
  readonly #clock: Clock;
  readonly #log: Log;
  #dueAt = -Infinity;
  #making: Promise<void> | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Resolves at once while nothing is due. A send waits for its children; old ones are dropped by `shared` beside it. */
  async run(session: LogSession, shared: LogSession): Promise<void> {
    if (this.#clock.monotonic() >= this.#dueAt) {
      this.#dueAt = this.#clock.monotonic() + EVERY_MS;
      this.#making = makeChildren(session).catch((error: unknown) => {
        this.#log('warn', 'the children of the local log could not be made; it is tried again', { error });
        this.#dueAt = -Infinity;
      });
      void this.#making.then(() => this.#drop(shared));
    }
    await this.#making;
  }

  async #drop(session: LogSession): Promise<void> {
    try {
      const dropped = await dropExpiredChildren(session);
      if (dropped.length > 0) this.#log('info', 'old records left the local log', { children: dropped });
    } catch (error) {
      // Another transaction uses the log: the next run drops them.
      this.#log('debug', 'old children of the local log could not be dropped', { error });
    }
  }
}
