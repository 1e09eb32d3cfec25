import { readFileSync } from 'node:fs';
import { consumerService, inboxMigrations } from '@convergekit/inbox';
import { kafkaBroker } from '@convergekit/kafka';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import type { Service } from '@convergekit/core';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { orderPlaced, orders, payments, placeOrder } from './first-program.ts';

type Order = Parameters<typeof placeOrder>[1];

const broker = kafkaBroker({ brokers: inject('stack').brokers.split(','), clientId: 'first-program' });
const running: Service[] = [];
let ordersDb: Database<{ orders: Order }>;
let paymentsDb: Database<{ charges: Order }>;

async function database<DB>(table: string): Promise<Database<DB>> {
  const url = await freshDatabase(inject('stack').databaseUrl, 'first');
  const made = connect<DB>({ url, applicationName: 'first-program' });
  await migrate(made, [outboxMigrations, relayMigrations, inboxMigrations]);
  await made.executor.query(`create table ${table} ("orderId" text primary key, cents int not null)`);
  return made;
}

beforeAll(async () => {
  const admin = await broker.admin();
  for (const topic of [orderPlaced.topic, 'payments.failures', 'orders.failures']) {
    await admin.deleteTopic(topic).catch(() => undefined);
    await waitUntil(async () => (await admin.createTopic({ name: topic, partitions: 3 })) || undefined, {
      what: topic,
    });
  }
  ordersDb = await database('orders');
  paymentsDb = await database('charges');
  running.push(
    relay({ database: ordersDb, broker }),
    relay({ database: paymentsDb, broker }),
    consumerService([payments], { database: paymentsDb, broker }),
    consumerService([orders], { database: ordersDb, broker }),
  );
  for (const service of running) await service.start();
});
afterAll(async () => {
  for (const service of running.toReversed()) await service.stop();
  await broker.close();
  await ordersDb.close();
  await paymentsDb.close();
});

it('the first program charges an accepted order once, and removes an order whose payment is refused', async () => {
  await placeOrder(ordersDb.db, { orderId: 'small', cents: 4_200 });
  await placeOrder(ordersDb.db, { orderId: 'large', cents: 420_000 });
  const left = await waitUntil(
    async () => {
      const rows = await ordersDb.db.selectFrom('orders').selectAll().execute();
      const charges = await paymentsDb.db.selectFrom('charges').selectAll().execute();
      return rows.length === 1 && charges.length === 1 ? { rows, charges } : undefined;
    },
    { what: 'one order and one charge' },
  );
  expect(left).toEqual({
    rows: [{ orderId: 'small', cents: 4_200 }],
    charges: [{ orderId: 'small', cents: 4_200 }],
  });
});

it('the first program is the one on the first screen of the README', () => {
  const program = readFileSync(new URL('first-program.ts', import.meta.url), 'utf8');
  expect(readFileSync(new URL('../../README.md', import.meta.url), 'utf8')).toContain(
    `\`\`\`ts\n${program}\`\`\``,
  );
});
