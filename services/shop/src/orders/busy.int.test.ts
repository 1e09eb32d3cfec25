import { type Database, newUuidV7 } from 'convergekit';
import { createOutbox, outboxMigrations } from 'convergekit/postgres';
import { orderCancelRequested, orderPlaced } from '@convergekit/schemas';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { serveApp } from '../../../../libs/kit/src/fixture/serve-app.ts';
import { shopMigrations } from '../migrations.ts';
import { ordersApi } from './api.ts';
import type { OrdersDb } from './tables.ts';

const tea = { lines: [{ sku: 'tea', quantity: 2, unitCents: 450 }], country: 'PT' };

/** The API on a pool of one connection, for which two requests may wait; no wait ends by time. */
async function busyApi() {
  const { database } = await migratedDatabase<OrdersDb>(
    inject('stack').databaseUrl,
    [outboxMigrations, ...shopMigrations.orders],
    { prefix: 'orders', max: 1, maxWaiting: 2, connectTimeoutMs: 2_147_483_647 },
  );
  const app = ordersApi({
    db: database.db,
    transaction: createOutbox([orderPlaced, orderCancelRequested]).for(database.db),
    newId: newUuidV7,
  });
  const server = await serveApp(() => app);
  onTestFinished(async () => {
    await server.stop();
    await database.close();
  });
  const post = (key: string, signal?: AbortSignal): Promise<Response> =>
    fetch(`http://127.0.0.1:${server.port}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(tea),
      ...(signal && { signal }),
    });
  return { database, failures: server.errors, post };
}

/** Resolves with true when so many requests wait for a connection, those of clients that have gone included. */
const waiting = ({ pool }: Database<OrdersDb>, count: number): Promise<boolean> =>
  waitUntil(() => pool.waitingCount === count, { what: `${count} requests to wait` });

it('G5r: while every connection is in use, a request too many is answered 503 at once, and nothing is begun for a client that has gone', async () => {
  const { database, failures, post } = await busyApi();
  const held = await database.acquire();
  const leaves = new AbortController();
  const gone = post('gone', leaves.signal).catch(() => 'gone');
  await waiting(database, 1);
  const waits = post('waits');
  await waiting(database, 2);
  const refused = await post('refused');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
  leaves.abort();
  expect(await gone).toBe('gone');
  // Its place is free once the server has seen it leave.
  const next: Promise<Response>[] = [];
  const admitted = async (): Promise<boolean> => {
    const asked = post(`next-${next.length}`);
    next.push(asked);
    return Promise.race([asked.then(() => false), waiting(database, 3)]);
  };
  await waitUntil(admitted, { what: 'a place in the queue' });
  held.release();
  expect([(await waits).status, (await next.at(-1))?.status]).toEqual([201, 201]);
  const { rows } = await database.executor.query('select order_id from orders');
  expect(rows).toHaveLength(2);
  // One for each that was refused, and none for the client that has gone.
  expect(failures).toHaveLength(next.length);
  expect(new Set(failures.map((failure) => (failure as { code?: string }).code))).toEqual(
    new Set(['DATABASE_POOL_EXHAUSTED']),
  );
});
