import { randomBytes } from 'node:crypto';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { Client, type Pool } from 'pg';
import type { Cleanup } from '../../cleanup.ts';
import type { Child } from '../measure/child.ts';
import { openTopic } from '../measure/open-log.ts';

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

/** A database and a topic of a side's own. */
export type Source = Awaited<ReturnType<typeof openSource>>;

export interface Shape {
  readonly prefix: string;
  prepare(databaseUrl: string, topic: string): Promise<void>;
  /** Inserts rows $2..$3 of topic $1. */
  readonly insertRows: string;
  /** Writes rows from..to-1 as a service does, where the side has a library for that. */
  readonly emitRows?: (databaseUrl: string, topic: string, from: number, to: number) => Promise<void>;
  /** Inserts one row: topic $1, key $2, payload $3. */
  readonly insertOne: string;
  /** Called before every 100,000 rows. */
  readonly during?: (client: Client) => Promise<unknown>;
  /** The table, to be vacuumed after a backlog was written. */
  readonly table: string;
  start(databaseUrl: string, topic: string): Child;
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

/** Rows between two calls of `during`. */
const PART = 100_000;

export async function openSource(place: Place, shape: Shape) {
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
  const removed = cleanup.add(() => log.remove());
  await shape.prepare(databaseUrl, topic);
  return {
    databaseUrl,
    log,
    /**
     * Writes the rows numbered from..to-1 in the side's table. The kit's side writes by emit, unless `by` says SQL
     * (transactions of 1,000) for large backlogs.
     */
    write: (from: number, to: number, by?: 'sql'): Promise<void> =>
      withClient(databaseUrl, async (client) => {
        const emits = by === undefined ? shape.emitRows : undefined;
        // the setting only saves time; the checkpoint that follows makes the rows durable
        await client.query('set synchronous_commit = off');
        for (let first = from; first < to; first += PART) {
          const end = Math.min(first + PART, to);
          await shape.during?.(client);
          if (emits !== undefined) await emits(databaseUrl, topic, first, end);
          else
            for (let at = first; at < end; at += 1000)
              await client.query(shape.insertRows, [topic, at, Math.min(at + 1000, end) - 1]);
        }
        await client.query(`vacuum analyze ${shape.table}`);
        await client.query('checkpoint');
      }),
    emit: (pool: Pool, key: string, number: number): Promise<unknown> =>
      pool.query(shape.insertOne, [topic, key, payload(number)]),
    start: (): Child => {
      const child = shape.start(databaseUrl, topic);
      children.push(child);
      return child;
    },
    /** Ends the side's processes and removes database and topic. */
    remove: async (): Promise<void> => {
      await dropped();
      await removed();
    },
  };
}

/** Connects to a database. A connection that is lost fails its next statement. */
export async function openClient(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'bench' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await openClient(url);
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

const SLOT_ENDS = `
  select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = $1 and active`;
const SLOT_DROPS =
  'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1';

/**
 * Drops a slot. The slot stays in use for a moment after its client has gone, and longer while a backend still makes
 * it.
 */
export async function dropSlot(databaseUrl: string, slot: string): Promise<void> {
  await withClient(databaseUrl, (client) => {
    const drop = async (): Promise<boolean> => {
      await client.query(SLOT_ENDS, [slot]);
      await client.query(SLOT_DROPS, [slot]);
      return true;
    };
    const what = `the replication slot ${slot} to be free`;
    return waitUntil(() => drop().catch(() => false), { what, deadlineMs: 10_000, everyMs: 100 });
  });
}
