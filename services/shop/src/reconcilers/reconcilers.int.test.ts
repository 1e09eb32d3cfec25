import { outboxMigrations } from 'convergekit/postgres';
import { type Database, newUuidV7 } from 'convergekit';
import { reconcileMigrations, runReconciler } from 'convergekit/process';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import { shopMigrations } from '../migrations.ts';
import { stockCounters } from './stock-counters.ts';
import { stockVsOrders } from './stock-vs-orders.ts';

let orders: Database;
let inventory: Database;
beforeEach(async () => {
  const { databaseUrl } = inject('stack');
  ({ database: orders } = await migratedDatabase(databaseUrl, shopMigrations.orders, { prefix: 'orders' }));
  const sets = [outboxMigrations, reconcileMigrations, ...shopMigrations.inventory];
  ({ database: inventory } = await migratedDatabase(databaseUrl, sets, { prefix: 'inventory' }));
  await inventory.executor.query(
    `insert into stock (sku, initial, on_hand) values ('cup', 10, 10), ('hat', 10, 10)`,
  );
});
afterEach(async () => {
  await orders.close();
  await inventory.close();
});

const run = async (reconciler: typeof stockCounters) =>
  (await runReconciler(reconciler, { databases: { orders, inventory } })).outcomes;
const levels = async () =>
  (await inventory.executor.query('select sku, on_hand, reserved, shipped, version from stock order by sku'))
    .rows;

it('the counters of an article are set to the sums of its reservations, and nothing else is changed', async () => {
  await inventory.executor.query(
    `insert into reservation (order_id, sku, quantity, state) values ($1, 'cup', 2, 'held')`,
    [newUuidV7()],
  );
  await inventory.executor.query(`update stock set on_hand = 8, reserved = 2, version = 5 where sku = 'cup'`);
  await inventory.executor.query(`update stock set reserved = 7 where sku = 'cup'`);
  expect(await run(stockCounters)).toEqual({ repaired: 1, in_sync: 1 });
  expect(await levels()).toEqual([
    { sku: 'cup', on_hand: 8, reserved: 2, shipped: 0, version: 6 },
    { sku: 'hat', on_hand: 10, reserved: 0, shipped: 0, version: 1 },
  ]);
});

it('goods that are held for an order that ended are released with their counters, under the lock of the guard', async () => {
  const id = newUuidV7();
  await orders.executor.query(
    `insert into orders (order_id, state, lines, total_cents, country, reason, settled_at)
     values ($1, 'cancelled', '[]', 100, 'CH', 'payment', now() - interval '1 hour')`,
    [id],
  );
  await inventory.executor.query(
    `insert into reservation (order_id, sku, quantity, state) values ($1, 'cup', 2, 'held'), ($1, 'hat', 1, 'held')`,
    [id],
  );
  await inventory.executor.query(`update stock set on_hand = on_hand - 2, reserved = 2 where sku = 'cup'`);
  await inventory.executor.query(`update stock set on_hand = on_hand - 1, reserved = 1 where sku = 'hat'`);
  // No relay runs here, so nothing could be proved to have arrived.
  const now = {
    ...stockVsOrders,
    inFlight: undefined as never,
    timing: { ...stockVsOrders.timing, settleMs: 0 },
  };
  expect(await run(now)).toEqual({ repaired: 1 });
  expect(await levels()).toMatchObject([
    { sku: 'cup', on_hand: 10, reserved: 0 },
    { sku: 'hat', on_hand: 10, reserved: 0 },
  ]);
  expect(await run(now)).toEqual({});
});
