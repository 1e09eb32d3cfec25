import { memoryBroker, type MemoryCluster } from '@convergekit/broker/testing';
import type { DomainEvent } from '@convergekit/contracts';
import { type FixtureRecord, FixtureSource } from '@convergekit/inbox/testing';
import type { Database } from '@convergekit/postgres';
import type { EmittedEvent } from './events.ts';

/** Events of one key are in one partition; three partitions make it visible when a consumer relies on more. */
const PARTITIONS = 3;

/** The log that one consumer reads in a test: its topics, and the records of the events that it was given. */
export class ConsumerLog {
  readonly partitions = PARTITIONS;
  /** The clients of all deliveries to this consumer share it, so that its offsets stay true. */
  readonly cluster: MemoryCluster = memoryBroker().cluster;
  /** One delivery at a time. */
  turn: Promise<unknown> = Promise.resolve();
  readonly #sources = new Map<string, FixtureSource>();
  readonly #records = new Map<string, FixtureRecord>();

  /** Returns the record of an event: of one that was given before, the same one, as a relay repeats it. */
  recordOf(event: EmittedEvent): FixtureRecord {
    const { id, source } = event;
    const known = this.#records.get(id);
    if (known !== undefined) return known;
    const from =
      this.#sources.get(source.id) ??
      new FixtureSource({ partitions: PARTITIONS, id: source.id, name: source.name });
    this.#sources.set(source.id, from);
    const { record, ...place } = from.record(event as unknown as DomainEvent, id);
    const headers = [...new Map([...record.headers, ...Object.entries(event.headers)])];
    const made = { ...place, record: { ...record, headers } };
    this.#records.set(id, made);
    return made;
  }
}

const logs = new WeakMap<object, Map<string, ConsumerLog>>();

/** Returns the log of a consumer on this database. It lasts as long as the database's connection. */
export function consumerLog<DB>(database: Database<DB>, consumer: string): ConsumerLog {
  const own = logs.get(database) ?? new Map<string, ConsumerLog>();
  logs.set(database, own);
  const log = own.get(consumer) ?? new ConsumerLog();
  own.set(consumer, log);
  return log;
}
