import { defineEvent } from '@convergekit/contracts';
import { memoryBroker } from '@convergekit/broker/testing';
import { consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { withTransaction } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import { sql } from 'kysely';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import {
  options,
  rowsOf,
  setStock,
  type StockDb,
  stockOf,
  stockReconciler,
  world,
  worldForEach,
} from '../fixture/stock.ts';
import { reconcilerService } from '../service.ts';

worldForEach({}, { orders: [outboxMigrations, relayMigrations], stock: [inboxMigrations] });

const wanted = defineEvent('shop.wanted', {
  version: 1,
  topic: 'shop.wanted',
  key: ({ sku }: { sku: string }) => sku,
  data: z.object({ sku: z.string(), quantity: z.int() }),
});

const KEYS = Array.from({ length: 40 }, (_, index) => `sku-${index}`);

it('a reconciler repairs nothing while a consumer is stopped and events wait, and then only what was changed by hand', async () => {
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const admin = await broker.admin();
  for (const name of ['shop.wanted', 'stock.failures']) await admin.createTopic({ name, partitions: 3 });
  const sending = relay({ database: world.orders, broker, saveMs: 5 });
  onTestFinished(() => sending.stop());
  await sending.start();
  const stock = defineConsumer<StockDb>('stock', { from: 'first' }).on(wanted, async (event, { tx }) => {
    const { sku, quantity } = event.data;
    await tx
      .insertInto('stock')
      .values({ sku, reserved: quantity, version: 1 })
      .onConflict((at) =>
        at.column('sku').doUpdateSet({ reserved: quantity, version: sql`stock.version + 1` }),
      )
      .execute();
  });
  const consume = async () => {
    const service = consumerService([stock], { database: world.stock, broker, watchMs: 20 });
    onTestFinished(() => service.stop());
    await service.start();
    return service;
  };
  const outbox = createOutbox([wanted]);
  const want = (sku: string, quantity: number) =>
    withTransaction(world.orders, {}, async (tx) => {
      const text =
        'insert into wanted values ($1, $2) on conflict (sku) do update set quantity = excluded.quantity';
      await tx.query(text, [sku, quantity]);
      await outbox.append(tx, [wanted({ sku, quantity })]);
    });
  const agree = (quantity: number) =>
    waitUntil(
      async () => {
        const found = await stockOf();
        return KEYS.every((sku) => found[sku] === quantity);
      },
      { what: `every key to have ${quantity}` },
    );

  const first = await consume();
  for (const sku of KEYS) await want(sku, 1);
  await agree(1);
  const timing = { settleMs: 0, quietMs: 10, maxWaitMs: 20 };
  const inFlight = { topic: wanted.topic, consumer: 'stock' };
  const reconciling = reconcilerService([stockReconciler({ inFlight, timing, schedule: '* * * * * *' })], {
    ...options,
    pollMs: 20,
  });
  onTestFinished(() => reconciling.stop());
  await reconciling.start();

  await first.stop();
  for (const sku of KEYS) await want(sku, 2);
  await waitUntil(
    async () => {
      const rows = await rowsOf(
        `select from converge.reconcile_key where reason like 'in flight:%up to 1.%'`,
      );
      return rows.length === KEYS.length;
    },
    { what: 'every key to wait for the consumer' },
  );
  expect(await rowsOf('select from converge.reconcile_audit')).toEqual([]);
  await consume();
  await agree(2);
  expect(await rowsOf('select from converge.reconcile_audit')).toEqual([]);

  // Drift while other keys go on.
  await setStock({ 'sku-3': 9 });
  const writer = { writes: true };
  const writing = (async () => {
    for (let n = 3; writer.writes; n += 1) for (const sku of KEYS.slice(10, 20)) await want(sku, n);
  })();
  await waitUntil(async () => (await stockOf())['sku-3'] === 2, { what: 'the repair' });
  writer.writes = false;
  await writing;
  expect(await rowsOf('select key from converge.reconcile_audit')).toEqual([{ key: 'sku-3' }]);
});
