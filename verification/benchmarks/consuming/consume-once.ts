import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { migrate } from '@convergekit/postgres';
import { systemClock } from '@convergekit/core';
import { freshDatabase } from '@convergekit/testing';
import { Client } from 'pg';
import { withDatabase } from '../../with-database.ts';
import type { World } from '../case.ts';
import { Child } from '../measure/child.ts';
import { WARM_UP } from '../measure/drain-once.ts';
import { rateBetween, type Sample } from '../measure/growth.ts';
import { openLog } from '../measure/open-log.ts';
import { drivers } from '../sides/ours.ts';
import { dropDatabase } from '../sides/side.ts';
import type { Backlog } from './backlog.ts';
import { EFFECT_TABLE } from './effect.ts';
import type { Orders, Way } from './ways.ts';

const PROGRAM = fileURLToPath(new URL('program.ts', import.meta.url));
const DEADLINE_MS = 120_000;

export interface Consumed {
  readonly effectsPerSecond: number;
  /** The CPU time of the consuming process per event, user and system, in microseconds. */
  readonly cpuMicrosPerEvent: number;
  readonly peakMiB: number;
  readonly rows: number;
}

/** Runs one consumer on a separate database until `rows` events have taken effect. Everything is removed at the end. */
export async function consumeOnce(
  world: World,
  backlog: Backlog,
  way: Way,
  rows: number = backlog.rows,
): Promise<Consumed> {
  const site = await openSite(world, backlog.topic, way, backlog.brokers);
  const watcher = new Client({ connectionString: site.orders.databaseUrl });
  watcher.on('error', () => undefined);
  try {
    await watcher.connect();
    await watcher.query('checkpoint');
    const child = site.start();
    const measured = await watch(watcher, child, rows);
    await child.stop();
    await check(watcher, way, rows, backlog.rows);
    return { ...measured, rows };
  } finally {
    await watcher.end();
    await site.remove();
  }
}

/** Watches progress by the sequence, which touches no row; at most some slices are uncommitted. */
async function watch(watcher: Client, child: Child, rows: number): Promise<Omit<Consumed, 'rows'>> {
  const samples: Sample[] = [];
  const cpu: { count: number; seconds: number }[] = [];
  const end = systemClock.monotonic() + DEADLINE_MS;
  for (;;) {
    const { rows: found } = await watcher.query<{ count: string }>(
      `select case when is_called then last_value else 0 end as count from effect_line_seq`,
    );
    const sample = { count: Number(found[0]?.count), atMs: systemClock.monotonic() };
    child.assertAlive();
    samples.push(sample);
    cpu.push({ count: sample.count, seconds: child.cpuSeconds() });
    if (sample.count >= rows) break;
    if (sample.atMs > end) throw new Error(`only ${sample.count} of ${rows} events took effect in time`);
    await systemClock.sleep(20);
  }
  const [warm, last] = [cpu.find(({ count }) => count >= rows * WARM_UP), cpu.at(-1)];
  if (warm === undefined || last === undefined) throw new Error('nothing was measured');
  return {
    effectsPerSecond: rateBetween(samples, rows * WARM_UP, rows * 0.99),
    cpuMicrosPerEvent: ((last.seconds - warm.seconds) / (last.count - warm.count)) * 1e6,
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

export interface Site {
  readonly orders: Orders;
  start(): Child;
  remove(): Promise<void>;
}

/** A database with the tables of every way, and a consumer name with its failure topic. */
export async function openSite(
  { stack, cleanup, folder }: World,
  topic: string,
  way: Way,
  brokers: string = stack.brokers,
): Promise<Site> {
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
      args: [
        '--conditions=source',
        ...(process.env['BENCH_NODE_ARGS']?.split(' ') ?? []),
        PROGRAM,
        JSON.stringify(orders),
      ],
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
