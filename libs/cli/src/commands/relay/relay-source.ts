import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { type Relay, relayMigrations } from '@convergekit/relay';
import { type Clock, type Service, systemClock } from '@convergekit/core';
import { type Check, type Checks } from '@convergekit/config';
import type { Logger } from '@convergekit/telemetry';
import { explain } from '../../frame/explain.ts';
import { requireMigrations } from '../../frame/migrations.ts';
import { relayChecks, standsBy, logLeader } from './relay-state.ts';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;

export interface RelaySourceParts {
  readonly name: string;
  /** Rejects while the database cannot be used. */
  readonly open: () => Promise<Database>;
  readonly relay: (database: Database) => Relay;
  readonly log: Logger;
  readonly clock?: Clock;
}

/** One of the outboxes that a process serves. */
export interface RelaySource extends Service {
  checks(asked: Check): Checks;
  live(): Check;
  /** Another relay publishes this outbox. */
  standsBy(): boolean;
}

/**
 * Opens one outbox and publishes it. Its database may be down, lack its tables, or refuse the login: that is logged and
 * retried, and the other outboxes of the process are not affected. Once it runs, its relay waits out later outages.
 */
export function relaySource(parts: RelaySourceParts): RelaySource {
  return new RelaySourceService(parts);
}

class RelaySourceService implements RelaySource {
  readonly name: string;
  readonly done: Promise<void>;
  readonly #parts: RelaySourceParts;
  readonly #stopping = new AbortController();
  readonly #finish: () => void;
  #running: Relay | undefined;
  #trouble = 'not opened yet';
  #work: Promise<void> = Promise.resolve();

  constructor(parts: RelaySourceParts) {
    this.#parts = parts;
    this.name = `relay ${parts.name}`;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.done = promise;
    this.#finish = () => resolve(undefined);
  }

  checks(asked: Check): Checks {
    return this.#running === undefined
      ? { database: { ok: false, detail: this.#trouble } }
      : relayChecks(this.#running.status(), asked);
  }

  /** One that waits for its database is alive: a restart would not fix it. */
  live(): Check {
    return this.#running?.live() ?? { ok: true, detail: this.#trouble };
  }

  standsBy(): boolean {
    return this.#running !== undefined && standsBy(this.#running.status());
  }

  start(): Promise<void> {
    this.#work = this.#run();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#work;
    this.#finish();
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    const { name, log, clock = systemClock } = this.#parts;
    const { signal } = this.#stopping;
    for (
      let pauseMs = FIRST_PAUSE_MS;
      !this.#isStopping();
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)
    ) {
      try {
        await this.#serve();
      } catch (error) {
        this.#running = undefined;
        const { message } = explain(error);
        // Once per reason: this may last for hours.
        if (message !== this.#trouble && !this.#isStopping())
          log.error(`source ${name} cannot be published, trying again: ${message}`);
        this.#trouble = message;
        await clock.sleep(pauseMs, signal);
      }
    }
  }

  /** Until the stop; rejects when it cannot begin. */
  async #serve(): Promise<void> {
    const { open, relay, log } = this.#parts;
    const { signal } = this.#stopping;
    const database = await open();
    try {
      await requireMigrations(database.executor, [outboxMigrations, relayMigrations]);
      const service = relay(database);
      await service.start();
      this.#running = service;
      const notice = logLeader(service, log);
      await notice.start();
      await untilAborted(signal);
      await notice.stop();
      await service.stop();
    } finally {
      await database.close();
    }
  }
}

/** Joins them into one service: they stop concurrently, so that many take no longer than one. */
export function relaySources(sources: readonly RelaySource[]): Service {
  const done = Promise.withResolvers<undefined>();
  return {
    name: 'relays',
    done: done.promise,
    start: async () => {
      await Promise.all(sources.map((source) => source.start()));
    },
    stop: async () => {
      await Promise.all(sources.map((source) => source.stop()));
      done.resolve(undefined);
    },
  };
}

/** Readiness of all: each check under the name of its source. */
export function sourceChecks(sources: readonly (readonly [string, Checks])[]): Checks {
  return Object.fromEntries(
    sources.flatMap(([name, checks]) =>
      Object.entries(checks).map(([check, found]) => [`${name}.${check}`, found] as const),
    ),
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
