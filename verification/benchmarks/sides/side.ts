import { randomBytes } from 'node:crypto';
import { freshDatabase } from '@convergekit/testing';
import { systemClock } from '@convergekit/core';
import { Client, type Pool } from 'pg';
import type { Cleanup } from '../cleanup.ts';
import type { Child } from '../measure/child.ts';
import { openTopic, type TopicLog } from '../measure/topic-log.ts';

/** Every topic has so many partitions. */
export const PARTITIONS = 6;

/** One way to bring events from Postgres to Kafka. */
export interface Side {
  readonly name: string;
  /** Rows of a backlog at most: a slow side gets fewer, since the rate is what counts. */
  readonly mostRows: number;
  /** How long it may take for them, milliseconds. */
  readonly deadlineMs: number;
  /** A database and a topic of its own, its outbox empty, nothing running yet. */
  open(place: Place): Promise<Source>;
}

export interface Place {
  readonly serverUrl: string;
  readonly brokers: string;
  readonly cleanup: Cleanup;
  /** For logs and settings of processes. */
  readonly folder: string;
}

export interface Source {
  readonly databaseUrl: string;
  readonly log: TopicLog;
  /**
   * Writes the rows numbered from..to-1 in the side's own table: by the kit's emit where the side is the kit, unless
   * `by` says SQL (transactions of 1,000), for backlogs that would take too long.
   */
  write(from: number, to: number, by?: 'sql'): Promise<void>;
  /** One transaction of one event. */
  emit(pool: Pool, key: string, number: number): Promise<unknown>;
  start(): Child;
  /** Ends its processes and removes database and topic. */
  remove(): Promise<void>;
}

export interface Shape {
  readonly prefix: string;
  /** Makes the tables. */
  prepare(databaseUrl: string, topic: string): Promise<void>;
  /** Inserts rows $2..$3 of topic $1. */
  readonly insertRows: string;
  /** Writes rows from..to-1 as a service does, where the side has a library for that. */
  readonly emitRows?: (databaseUrl: string, topic: string, from: number, to: number) => Promise<void>;
  /** Inserts one row: topic $1, key $2, payload $3. */
  readonly insertOne: string;
  /** Every 100,000 rows. */
  readonly during?: (client: Client) => Promise<unknown>;
  /** The table, to be vacuumed after a backlog was written. */
  readonly table: string;
  start(databaseUrl: string, topic: string): Child;
  /** Before the database is dropped. */
  readonly release?: (databaseUrl: string) => Promise<void>;
}

/** 298 bytes of JSON that carry their number `n`; the same bytes for every side, and those that `emit` makes. */
export const PAYLOAD_SQL = `'{"n":' || n || ',"filler":"' || repeat('x', 280 - length(n::text)) || '"}'`;

/** Headers that are another for each row, as a real emit stores them: a correlation id and a trace context. */
export const CORRELATION_SQL = `gen_random_uuid()::text`;
export const TRACEPARENT_SQL = `'00-' || md5(n::text) || '-' || left(md5('span' || n), 16) || '-01'`;

export function payload(number: number): string {
  return `{"n":${number},"filler":"${fillerOf(number)}"}`;
}

export function fillerOf(number: number): string {
  return 'x'.repeat(280 - String(number).length);
}

export async function openSource(place: Place, shape: Shape): Promise<Source> {
  const { serverUrl, brokers, cleanup } = place;
  cleanup.throwIfClosed();
  const databaseUrl = await freshDatabase(serverUrl, `bench_${shape.prefix}`);
  const children: Child[] = [];
  const dropped = cleanup.add(async () => {
    for (const child of children) await child.stop();
    await shape.release?.(databaseUrl);
    await dropDatabase(serverUrl, databaseUrl);
  });
  const topic = `bench-${shape.prefix}-${randomBytes(4).toString('hex')}`;
  const log = await openTopic(brokers, topic, PARTITIONS);
  const removed = cleanup.add(async () => {
    await log.remove().finally(() => log.close());
  });
  await shape.prepare(databaseUrl, topic);
  return {
    databaseUrl,
    log,
    write: async (from, to, by) => {
      const emits = by === undefined ? shape.emitRows : undefined;
      await withClient(databaseUrl, async (client) => {
        if (emits === undefined) await writeRows(client, shape, topic, from, to);
        else await emitRows(client, shape, (first, end) => emits(databaseUrl, topic, first, end), from, to);
        await client.query(`vacuum analyze ${shape.table}`);
        await client.query('checkpoint');
      });
    },
    emit: (pool, key, number) => pool.query(shape.insertOne, [topic, key, payload(number)]),
    start: () => {
      const child = shape.start(databaseUrl, topic);
      children.push(child);
      return child;
    },
    remove: async () => {
      await dropped();
      await removed();
    },
  };
}

async function writeRows(
  client: Client,
  shape: Shape,
  topic: string,
  from: number,
  to: number,
): Promise<void> {
  await client.query('set synchronous_commit = off'); // only faster; the checkpoint that follows makes it durable
  for (let first = from; first < to; first += 1000) {
    await client.query(shape.insertRows, [topic, first, Math.min(first + 1000, to) - 1]);
    if (first % PART === 0) await shape.during?.(client);
  }
}

async function emitRows(
  client: Client,
  shape: Shape,
  emits: (from: number, to: number) => Promise<void>,
  from: number,
  to: number,
): Promise<void> {
  for (let first = from; first < to; first += PART) {
    await shape.during?.(client);
    await emits(first, Math.min(first + PART, to));
  }
}

/** Rows between two calls of `during`. */
const PART = 100_000;

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function dropDatabase(serverUrl: string, databaseUrl: string): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1);
  await withClient(serverUrl, (client) => client.query(`drop database if exists "${name}" with (force)`));
}

/** A slot is in use for a moment after its client has gone, or for longer by a backend that still makes it. */
export async function dropSlot(databaseUrl: string, slot: string): Promise<void> {
  const end = systemClock.monotonic() + 10_000;
  await withClient(databaseUrl, async (client) => {
    for (;;)
      try {
        await client.query(
          'select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active',
          [slot],
        );
        await client.query(
          'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
          [slot],
        );
        return;
      } catch (error) {
        if (systemClock.monotonic() > end) throw error;
        await systemClock.sleep(100);
      }
  });
}
