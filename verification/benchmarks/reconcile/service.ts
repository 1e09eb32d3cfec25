import { defineEvent } from '@convergekit/contracts';
import { systemClock } from '@convergekit/core';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { markDirty, reconcileMigrations } from '@convergekit/reconcile';
import { freshDatabase } from '@convergekit/testing';
import { sql } from 'kysely';
import { z } from 'zod';
import type { World } from '../case.ts';
import { DRIFT, PROGRESS, SERVICE_TABLES } from './service-sql.ts';
import { ordersSql } from './tables-sql.ts';

const CONNECTIONS = 8;
/** Orders that a bad script changes in each second. */
const DRIFTS_PER_SECOND = 5;
const RECONCILER = { name: 'service-orders' };

const orderNoted = defineEvent({
  type: 'bench.order.noted',
  version: 1,
  topic: 'bench.orders',
  key: ({ key }: { key: string }) => key,
  data: z.object({ key: z.string(), note: z.string() }),
});

export interface Progress {
  readonly waiting: number;
  readonly reported: number;
  readonly due: number;
  readonly ranges: number;
  readonly repairs: number;
}

/** A service with orders and an outbox, and the database that its orders must agree with. */
export interface Service {
  readonly serviceUrl: string;
  readonly wantedUrl: string;
  /** Runs transactions at a rate, and orders that drift; returns the time of each transaction in milliseconds. */
  load(ratePerSecond: number, seconds: number): Promise<readonly number[]>;
  progress(): Promise<Progress>;
  remove(): Promise<void>;
}

export async function openService({ stack, cleanup }: World, rows: number): Promise<Service> {
  const serviceUrl = await freshDatabase(stack.databaseUrl, 'bench_service');
  const wantedUrl = await freshDatabase(stack.databaseUrl, 'bench_wanted');
  const service = connect({ url: serviceUrl, applicationName: 'bench-service', max: CONNECTIONS });
  const wanted = connect({ url: wantedUrl, applicationName: 'bench-wanted', max: 1 });
  const remove = cleanup.add(async () => {
    await service.close();
    await wanted.close();
  });
  await migrate(service, [outboxMigrations, reconcileMigrations]);
  for (const { executor } of [service, wanted])
    for (const statement of ordersSql(rows)) await executor.query(statement);
  for (const statement of SERVICE_TABLES) await service.executor.query(statement);
  const drift = drifter(service);
  return {
    serviceUrl,
    wantedUrl,
    load: (ratePerSecond, seconds) => run(service, rows, ratePerSecond, seconds, drift),
    progress: async () =>
      (await service.executor.query<Progress>(PROGRESS)).rows[0] ?? {
        waiting: 0,
        reported: 0,
        due: 0,
        ranges: 0,
        repairs: 0,
      },
    remove,
  };
}

/** An open loop: transaction n begins at its time, and its time counts from then, whether or not earlier ones have ended. */
async function run(
  { db }: Database,
  rows: number,
  ratePerSecond: number,
  seconds: number,
  drift: () => Promise<void>,
): Promise<readonly number[]> {
  const took: number[] = [];
  const inFlight: Promise<void>[] = [];
  const start = systemClock.monotonic();
  for (let n = 0; n < ratePerSecond * seconds; n += 1) {
    const at = start + (n * 1000) / ratePerSecond;
    const wait = at - systemClock.monotonic();
    if (wait > 0) await systemClock.sleep(wait);
    if (n % ratePerSecond === 0) inFlight.push(drift());
    const key = `order-${String(1 + Math.floor(Math.random() * rows)).padStart(9, '0')}`;
    inFlight.push(transact(db, key).then(() => void took.push(systemClock.monotonic() - at)));
  }
  await Promise.all(inFlight);
  return took;
}

const outbox = createOutbox([orderNoted]);

/** Reads and changes an order, adds two lines, and emits an event. */
async function transact(db: Database['db'], key: string): Promise<void> {
  await outbox.transaction(db, async ({ tx, emit }) => {
    await sql`select * from orders where key = ${key} for update`.execute(tx);
    await sql`update orders set note = 'noted', version = version + 1 where key = ${key}`.execute(tx);
    await sql`insert into line (order_key, sku) values (${key}, 'sku-1'), (${key}, 'sku-2')`.execute(tx);
    emit(orderNoted({ key, note: 'noted' }));
  });
}

/** Changes the next orders like a bad script, and reports them as the handler of an event would. */
function drifter({ executor }: Database): () => Promise<void> {
  let after = '';
  return async () => {
    const { rows } = await executor.query<{ key: string }>(DRIFT, [after, DRIFTS_PER_SECOND]);
    const keys = rows.map(({ key }) => key);
    after = keys.toSorted().at(-1) ?? '';
    await markDirty(executor, RECONCILER, keys);
  };
}
