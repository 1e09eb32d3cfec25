import { randomBytes } from 'node:crypto';
import { freshDatabase } from '@convergekit/testing';
import { systemClock } from '@convergekit/core';
import { Client, type Pool } from 'pg';
import type { Cleanup } from '../../cleanup.ts';
import type { Child } from '../measure/child.ts';
import { openTopic, type TopicLog } from '../measure/topic-log.ts';

/** The number of partitions of every topic. */
export const PARTITIONS = 6;

/** A way to bring events from Postgres to Kafka. */
export interface Side {
  readonly name: string;
  /** The maximum of rows in a backlog: a slow side gets fewer, since the rate is compared. */
  readonly mostRows: number;
  /** The deadline for the rows, in milliseconds. */
  readonly deadlineMs: number;
  /** A database and a topic of its own, its outbox empty, nothing running yet. */
  open(place: Place): Promise<Source>;
}

export interface Place {
  readonly serverUrl: string;
  readonly brokers: string;
  readonly cleanup: Cleanup;
  /** The folder for logs and settings of processes. */
  readonly folder: string;
}

export interface Source {
  readonly databaseUrl: string;
  readonly log: TopicLog;
  /**
   * Writes the rows numbered from..to-1 in the side's table. The kit's side writes by emit, unless `by` says SQL
   * (transactions of 1,000) for large backlogs.
   */
  write(from: number, to: number, by?: 'sql'): Promise<void>;
  /** Runs one transaction with one event. */
  emit(pool: Pool, key: string, number: number): Promise<unknown>;
  start(): Child;
  /** Ends the side's processes and removes database and topic. */
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
  /** Called after every 100,000 rows. */
  readonly during?: (client: Client) => Promise<unknown>;
  /** The table, to be vacuumed after a backlog was written. */
  readonly table: string;
  start(databaseUrl: string, topic: string): Child;
  /** Called before the database is dropped. */
  readonly release?: (databaseUrl: string) => Promise<void>;
}

/** A payload of 298 bytes of JSON with its number `n`, equal for every side and for `emit`. */
export const PAYLOAD_SQL = `'{"n":' || n || ',"filler":"' || repeat('x', 280 - length(n::text)) || '"}'`;

/** Headers that differ for each row, as a real emit stores them: correlation id and trace context. */
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
  // the setting only saves time; the checkpoint that follows makes the rows durable
  await client.query('set synchronous_commit = off');
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

/** The name of a database, which is also that of its slot and of its publication. */
export function slotOf(databaseUrl: string): string {
  return new URL(databaseUrl).pathname.slice(1);
}

export async function dropDatabase(serverUrl: string, databaseUrl: string): Promise<void> {
  const name = slotOf(databaseUrl);
  await withClient(serverUrl, (client) => client.query(`drop database if exists "${name}" with (force)`));
}

/**
 * Drops a slot. The slot stays in use for a moment after its client has gone, and longer while a backend still makes
 * it.
 */
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
