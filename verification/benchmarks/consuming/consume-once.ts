import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { migrate } from '@convergekit/postgres';
import { freshDatabase } from '@convergekit/testing';
import type { Client } from 'pg';
import { withDatabase } from '../../with-database.ts';
import type { World } from '../case.ts';
import { Child } from '../measure/child.ts';
import { cpuMeter, WARM_UP, withSource } from '../measure/drain-once.ts';
import { rateBetween, sampled } from '../measure/growth.ts';
import { openLog } from '../measure/open-log.ts';
import { drivers } from '../sides/ours.ts';
import { dropDatabase, withClient } from '../sides/side.ts';
import { EFFECT_TABLE } from './effect.ts';
import type { Orders, Way } from './ways.ts';

const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));
const DEADLINE_MS = 300_000;

/** A topic full of events as the relay writes them, for any number of readers. */
export interface Backlog {
  readonly topic: string;
  readonly rows: number;
  /** The address of the log. @default the stack's Kafka */
  readonly brokers?: string;
}

/** Writes rows 0..rows-1 over 1,000 keys and six partitions, through the outbox and the relay. */
export function withBacklog<T>(
  world: World,
  rows: number,
  work: (backlog: Backlog) => Promise<T>,
): Promise<T> {
  const [side] = world.sides.ours;
  return withSource(world, side, async ({ log, start, write }) => {
    await write(0, rows);
    const relay = start();
    await log.watch(rows, { deadlineMs: side.deadlineMs, look: () => relay.assertAlive() });
    await relay.stop();
    return work({ topic: log.topic, rows });
  });
}

export type Consumed = Awaited<ReturnType<typeof consumeOnce>>;

/** Runs one consumer on a separate database until `rows` events have taken effect. Everything is removed at the end. */
export async function consumeOnce(world: World, backlog: Backlog, way: Way, rows: number = backlog.rows) {
  const site = await openSite(world, backlog.topic, way, backlog.brokers);
  try {
    return await withClient(site.orders.databaseUrl, async (watcher) => {
      await watcher.query('checkpoint');
      const child = site.start();
      const measured = await watch(watcher, child, rows);
      await child.stop();
      await check(watcher, way, rows, backlog.rows);
      return { ...measured, rows };
    });
  } finally {
    await site.remove();
  }
}

/** Watches progress by the sequence, which touches no row; at most some slices are uncommitted. */
export async function watch(watcher: Client, child: Child, rows: number) {
  const count = async (): Promise<number> => {
    const { rows: found } = await watcher.query<{ count: string }>(
      `select case when is_called then last_value else 0 end as count from effect_line_seq`,
    );
    return Number(found[0]?.count);
  };
  const cpu = cpuMeter(child, rows);
  const samples = await sampled(count, rows, {
    what: 'took effect',
    deadlineMs: DEADLINE_MS,
    look: cpu.look,
  });
  return {
    effectsPerSecond: rateBetween(samples, rows * WARM_UP, rows * 0.99),
    cpuMicrosPerEvent: cpu.perEvent(),
    peakMiB: child.peakMiB(),
  };
}

/** Checks the result: no event twice, and every event where the whole backlog was consumed. */
async function check(watcher: Client, way: Way, rows: number, all: number): Promise<void> {
  const { rows: found } = await watcher.query<{ effects: string; distinct: string }>(
    'select count(*) as effects, count(distinct n) as distinct from effect',
  );
  const [effects, distinct] = [Number(found[0]?.effects), Number(found[0]?.distinct)];
  if (effects !== distinct) throw new Error(`${way}: ${effects - distinct} events took effect twice`);
  if (rows === all && effects !== all) throw new Error(`${way}: ${effects} effects of ${all} events`);
}

/** Makes a database with the tables of every way, and a consumer name with its failure topic. */
export async function openSite(
  { stack, cleanup, folder }: World,
  topic: string,
  way: Way,
  brokers: string = stack.brokers,
) {
  cleanup.throwIfClosed();
  const group = `bench-${randomBytes(4).toString('hex')}`;
  const databaseUrl = await freshDatabase(stack.databaseUrl, 'bench_consumer');
  const children: Child[] = [];
  const broker = openLog(brokers, 'bench');
  const admin = await broker.admin();
  const remove = cleanup.add(async () => {
    for (const child of children) await child.stop();
    await dropDatabase(stack.databaseUrl, databaseUrl);
    await admin.deleteTopic(`${group}.failures`).finally(() => broker.close());
  });
  await admin.createTopic({ name: `${group}.failures`, partitions: 1 });
  await prepare(databaseUrl);
  const [driver = 'kafkajs'] = drivers();
  const orders: Orders = { way, topic, group, databaseUrl, brokers, driver };
  const start = (): Child => {
    const child = new Child({
      name: way,
      command: process.execPath,
      args: ['--conditions=source', PROGRAM, JSON.stringify(orders)],
      env: { NODE_OPTIONS: '', LOG_LEVEL: 'warn', OTEL_SDK_DISABLED: 'true' },
      logFile: join(folder, `${way}.log`),
    });
    children.push(child);
    return child;
  };
  return { orders, start, remove };
}

async function prepare(url: string): Promise<void> {
  await withDatabase({ url, applicationName: 'bench' }, async (database) => {
    await migrate(database, [outboxMigrations, inboxMigrations]);
    await database.executor.query(EFFECT_TABLE);
    await database.executor.query('create table inbox (event_id uuid primary key)');
    await database.executor.query('create table fault (key text primary key)');
  });
}
