import { callsOf, sagaWorker } from '@convergekit/saga';
import { announce } from '@convergekit/saga/testing';
import type { Service } from '@convergekit/core';
import { listParked, type ParkedSummary } from '@convergekit/inbox/operate';
import type { Database } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import type { ServiceUnderTest } from '../services-under-test.ts';
import { waitUntil } from '../wait-until.ts';
import { type BenchOptions, calmGuards } from './bench-options.ts';
import { hurryCalls, type OpenCall, readOpenCalls } from './calls-sql.ts';
import { ConsumerBench } from './consumer-bench.ts';
import { type EmittedEvent, emittedOf } from './events.ts';
import { type EventSource, readOutbox, readSource } from './outbox-sql.ts';
import { drains, hurryParked } from './parked-sql.ts';

/** Calls and queries after which a call that does not succeed is left alone. */
const MOST_TRIES = 20;

/** The events that were read from each outbox, so that a later call publishes only new ones. */
const published = new WeakMap<object, Set<string>>();

/** A service with its consumers, its worker and its outbox, driven by the test. */
export class ServiceBench {
  readonly consumers: readonly ConsumerBench[];
  readonly #database: Database;
  readonly #source: EventSource;
  readonly #worker: Service | undefined;
  readonly #published: Set<string>;

  private constructor(
    database: Database,
    consumers: readonly ConsumerBench[],
    source: EventSource,
    worker: Service | undefined,
  ) {
    this.#database = database;
    this.consumers = consumers;
    this.#source = source;
    this.#worker = worker;
    this.#published = published.get(database) ?? new Set();
    published.set(database, this.#published);
  }

  static async open({ database, consumers }: ServiceUnderTest, options: BenchOptions): Promise<ServiceBench> {
    const calls = callsOf(...consumers);
    const worker =
      calls.length === 0 ? undefined : sagaWorker(calls, { database, pollMs: 10, shared: calmGuards() });
    await worker?.start();
    const opened: ConsumerBench[] = [];
    try {
      for (const consumer of consumers) opened.push(await ConsumerBench.open(database, consumer, options));
      return new ServiceBench(database, opened, await readSource(database.executor), worker);
    } catch (error) {
      for (const bench of opened) await bench.close();
      await worker?.stop();
      throw error;
    }
  }

  /** Returns the events that were written to the outbox since the last look, as a relay would publish them. */
  async emitted(): Promise<readonly EmittedEvent[]> {
    const rows = await readOutbox(this.#database.executor);
    const fresh = rows.filter(({ eventId }) => !this.#published.has(eventId));
    for (const { eventId } of fresh) this.#published.add(eventId);
    return fresh.map((row) => emittedOf(row, this.#source));
  }

  /** Waits until no call is on its way. Returns those that do not end by being tried again. */
  async callsEnd(): Promise<readonly OpenCall[]> {
    const { executor } = this.#database;
    if (this.#worker === undefined || !(await hasTables(executor, 'converge.saga_work'))) return [];
    return waitUntil(
      async () => {
        if ((await hurryCalls(executor, MOST_TRIES)) > 0) announce(this.#database.db, { dueMs: 0 });
        const open = await readOpenCalls(executor);
        const waits = open.some(
          ({ state, tries }) => state === 'calling' || (state !== 'stuck' && tries < MOST_TRIES),
        );
        return waits ? undefined : open;
      },
      { what: 'the calls of the service to end', everyMs: 5 },
    );
  }

  /** Tries the first parked event of each key once more, unless it was given up. */
  async retryParked(): Promise<void> {
    const { executor } = this.#database;
    for (const { name } of this.consumers) {
      if ((await hurryParked(executor, name)) === 0) continue;
      await waitUntil(async () => !(await drains(executor, name)), {
        what: `${name} to try its parked events again`,
        everyMs: 5,
      });
    }
  }

  async parked(): Promise<readonly ParkedSummary[]> {
    const found = this.consumers.map(({ name }) =>
      listParked(this.#database.executor, { consumer: name, states: ['waiting', 'dead'] }, 10_000),
    );
    return (await Promise.all(found)).flat();
  }

  async close(): Promise<void> {
    for (const consumer of this.consumers) await consumer.close();
    await this.#worker?.stop();
  }
}
