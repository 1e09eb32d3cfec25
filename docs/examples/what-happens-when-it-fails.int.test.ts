import { freshDatabase, memoryBroker, waitUntil } from '@convergekit/testing';
import { consumerService, inboxMigrations, policyBook, relay, relayMigrations } from 'convergekit/process';
import { connect, createOutbox, migrate, outboxMigrations } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { afterEach, beforeEach, expect, inject, it } from 'vitest';
import {
  orderPlaced,
  shop,
  type ShopDb,
  TABLES,
  warehouse,
  type WarehouseDb,
} from './what-happens-when-it-fails.ts';

const closers: (() => Promise<unknown>)[] = [];
let database: Database<ShopDb>;
let stock: Database<WarehouseDb>;

beforeEach(async () => {
  const broker = memoryBroker();
  closers.push(() => broker.close());
  const admin = await broker.admin();
  for (const name of [orderPlaced.topic, warehouse.failureTopic, shop.failureTopic])
    await admin.createTopic({ name, partitions: 1 });
  const url = await freshDatabase(inject('stack').databaseUrl, 'fails');
  database = connect({ url });
  stock = connect({ url });
  closers.push(
    () => database.close(),
    () => stock.close(),
  );
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query(TABLES);
  const policies = policyBook({
    consumer: { attempts: 2, backoff: { baseMs: 1, capMs: 2 }, giveUp: { afterMs: 0 } },
  });
  // Both services share a database here, so that one relay does for both.
  const services = [
    relay({ database, broker }),
    consumerService([warehouse], { database: stock, broker, policies }),
    consumerService([shop], { database, broker, policies }),
  ];
  for (const service of services) {
    closers.push(() => service.stop());
    await service.start();
  }
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

it('G5d: an order whose handler has a bug is cancelled in the shop, and nothing of it stays in the warehouse', async () => {
  const orders = [
    { orderId: 'good', sku: 'cup', pieces: 1 },
    { orderId: 'refused', sku: 'cup', pieces: 101 },
    { orderId: 'bug', sku: 'beach-ball', pieces: 1 },
  ];
  await createOutbox([orderPlaced]).transaction(database.db, async ({ tx, emit }) => {
    for (const order of orders) {
      await tx.insertInto('orders').values({ orderId: order.orderId, state: 'placed' }).execute();
      emit(orderPlaced(order));
    }
  });
  const states = async () =>
    (await database.db.selectFrom('orders').selectAll().orderBy('orderId').execute())
      .map(({ orderId, state }) => `${orderId} ${state}`)
      .join(', ');
  await waitUntil(async () => (await states()) === 'bug failed, good placed, refused refused', {
    what: 'the ends of all orders',
  });
  expect(await stock.db.selectFrom('reservation').select('orderId').execute()).toEqual([{ orderId: 'good' }]);
});
