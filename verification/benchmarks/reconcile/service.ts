import { defineEvent } from '@convergekit/contracts';
import { systemClock } from '@convergekit/core';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { markDirty, reconcileMigrations } from '@convergekit/reconcile';
import { freshDatabase } from '@convergekit/testing';
import { sql } from 'kysely';
import { z } from 'zod';
import { atRate } from '../../lab/drive.ts';
import type { World } from '../case.ts';
import { DRIFT, ordersSql, PROGRESS, SERVICE_TABLES } from './tables-sql.ts';

const CONNECTIONS = 8;
/** Orders that a bad script changes in each second. */
const DRIFTS_PER_SECOND = 5;
const RECONCILER = { name: 'service-orders' };

const orderNoted = defineEvent('bench.order.noted', {
  version: 1,
  topic: 'bench.orders',
  key: ({ key }: { key: string }) => key,
  data: z.object({ key: z.string(), note: z.string() }),
});

const NO_PROGRESS = { waiting: 0, reported: 0, due: 0, ranges: 0, repairs: 0 };

/** A service with orders and an outbox, and the database that its orders must agree with. */
export type Service = Awaited<ReturnType<typeof openService>>;

export async function openService({ stack, cleanup }: World, rows: number) {
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
    /**
     * Runs transactions at a rate, and orders that drift; returns the time of each transaction in milliseconds, which counts from
     * when it was to begin.
     */
    load: async (perSecond: number, seconds: number): Promise<readonly number[]> => {
      const took: number[] = [];
      await atRate({ perSecond, count: perSecond * seconds }, async (n, dueMs) => {
        const drifting = n % perSecond === 0 ? drift() : undefined;
        const key = `order-${String(1 + Math.floor(Math.random() * rows)).padStart(9, '0')}`;
        await transact(service.db, key);
        took.push(systemClock.monotonic() - dueMs);
        await drifting;
      });
      return took;
    },
    progress: async () => (await service.executor.query<typeof NO_PROGRESS>(PROGRESS)).rows[0] ?? NO_PROGRESS,
    remove,
  };
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
