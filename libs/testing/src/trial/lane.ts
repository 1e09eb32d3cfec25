import type { IncomingRecord } from '@convergekit/broker/engine';
import type { DomainEvent } from '@convergekit/contracts';
import { contextHeaders } from '@convergekit/contracts/engine';
import { type WorkerCall, callsOf } from '@convergekit/saga';
import {
  type ClaimedWork,
  claimWork,
  declareCalls,
  processWork,
  resolveOptions,
} from '@convergekit/saga/testing';
import type { ConsumerDefinition } from '@convergekit/inbox';
import { FixtureSource } from '@convergekit/inbox/testing';
import { createOutbox } from '@convergekit/outbox';
import { type Database, withTransaction } from '@convergekit/postgres';
import { asksForRerun } from '@convergekit/postgres/engine';
import type { Kysely } from 'kysely';
import { calmGuards } from '../apply/bench-options.ts';
import { readOutbox, type StoredRow } from '../apply/outbox-sql.ts';
import type { ServiceUnderTest } from '../services-under-test.ts';
import { makeDue, type OpenWork } from './trial-sql.ts';
import type { Evidence } from './types.ts';

/** An event that was committed, as the record that the log would have. */
export interface Committed {
  readonly record: IncomingRecord;
  readonly emitted: Evidence;
}

const HOUR_MS = 3_600_000;
const outbox = createOutbox([]);
/** The guards of all runs. */
const shared = calmGuards();

/** One service of a trial, whose events are delivered and whose work is done by the trial. */
export class Lane {
  readonly database: Database;
  readonly consumers: readonly ConsumerDefinition<unknown>[];
  readonly calls: readonly WorkerCall<unknown>[];
  readonly #source: FixtureSource;
  #offset = 0n;
  #last = '0';

  constructor({ database, consumers }: ServiceUnderTest, name: string) {
    this.database = database;
    this.consumers = consumers;
    this.calls = callsOf(...consumers);
    this.#source = new FixtureSource({ partitions: 1, name });
  }

  /** Registers the calls, as a worker does at its start, and leaves out what was committed before. */
  async open(): Promise<void> {
    const { executor } = this.database;
    this.#last = (await readOutbox(executor)).at(-1)?.id ?? '0';
    await declareCalls(
      executor,
      this.calls.map(({ name }) => name),
      'trial',
    );
  }

  async emit(event: DomainEvent, id: string, saga?: string): Promise<void> {
    const { type, version, topic, key, payload } = event;
    const headers = contextHeaders(event, { hops: 0, ...(saga === undefined ? {} : { saga }) });
    await outbox.append(this.database.executor, [{ id, type, version, topic, key, payload, headers }]);
  }

  /** Returns the events committed since the last call. */
  async committed(): Promise<readonly Committed[]> {
    const rows = await readOutbox(this.database.executor, this.#last);
    this.#last = rows.at(-1)?.id ?? this.#last;
    return rows.map((row) => ({ record: this.#record(row), emitted: evidenceOf(row) }));
  }

  #record({ eventId, type, topic, key, payload, headers }: StoredRow): IncomingRecord {
    const event = { type, version: 1, topic, key, payload } as DomainEvent;
    const { record, partition } = this.#source.record(event, eventId);
    const stored = Object.entries(JSON.parse(headers) as Record<string, string>);
    const all = new Map([...record.headers, ...stored]);
    return {
      topic,
      partition,
      offset: this.#offset++,
      timestampMs: record.timestampMs,
      key: Buffer.from(key),
      value: Buffer.from(payload),
      headers: [...all].map(([name, value]) => [name, Buffer.from(value)]),
    };
  }

  /** Claims one row, although another holder has it: its lease is over. Undefined when it ended meanwhile. */
  async claim({ id, call }: OpenWork): Promise<ClaimedWork | undefined> {
    const wanted = [{ call, places: 1, leaseMs: HOUR_MS, callMs: HOUR_MS, settleMs: 0 }];
    const [work] = await withTransaction(this.database, {}, async (tx) => {
      await makeDue(tx, id);
      return claimWork(tx, 'trial', wanted);
    });
    if (work !== undefined && work.id !== id)
      throw new TypeError(`${call} has other due work: nothing else may run in the databases of a trial`);
    return work;
  }

  /** Does claimed work. A row that cannot be written now stays with its worker until the lease is over. */
  async work(db: Kysely<unknown>, call: WorkerCall<unknown>, work: ClaimedWork): Promise<void> {
    const database = { db, executor: this.database.executor };
    const options = resolveOptions(this.calls, { database, shared });
    const { clock, random } = options;
    const endsAt = clock.monotonic() + HOUR_MS;
    const asking = { clock, random, shared, endsAt, signal: new AbortController().signal };
    await processWork(options, call, work, asking).catch((error: unknown) => {
      if (!asksForRerun(error)) throw error;
    });
  }
}

function evidenceOf({ eventId: id, type, payload }: StoredRow): Evidence {
  if (type !== 'converge.failure') return { id, type };
  const { saga, certainty } = JSON.parse(payload) as {
    saga?: { step: string; op: string };
    certainty: string;
  };
  return { id, type, ...(saga === undefined ? {} : { failed: { ...saga, certainty } }) };
}
