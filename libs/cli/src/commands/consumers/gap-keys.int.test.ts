import { defineEvent } from '@convergekit/contracts';
import { consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { memoryBroker } from '@convergekit/broker/testing';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { type MigrationSet, withTransaction } from '@convergekit/postgres';
import { defineReconciler, from, reconcileMigrations, reconcilerService } from '@convergekit/reconcile';
import { relay, relayMigrations } from '@convergekit/relay';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';

const placed = defineEvent('shop.placed', {
  version: 1,
  topic: 'shop.orders',
  key: ({ order }: { order: string }) => order,
  data: z.object({ order: z.string() }),
});

async function opened(prefix: string, sets: readonly MigrationSet[]) {
  const { database } = await migratedDatabase(inject('stack').databaseUrl, sets, { prefix, max: 10 });
  onTestFinished(() => database.close());
  return database;
}

// Planted fault: without the leader's look at gaps (`queueGaps`), nothing is ever looked at here: there is no schedule.
it('a gap that a consumer passed is reconciled by its keys while the source keeps them, and else by all keys', async () => {
  const source = await opened('source', [outboxMigrations, relayMigrations]);
  const target = await opened('target', [outboxMigrations, inboxMigrations, reconcileMigrations]);
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const admin = await broker.admin();
  for (const name of ['shop.orders', 'stock.failures']) await admin.createTopic({ name, partitions: 1 });
  const sending = relay({ database: source, broker });
  onTestFinished(() => sending.stop());
  await sending.start();
  const outbox = createOutbox([placed]);
  const place = async (...orders: readonly string[]) => {
    const before = (await admin.logEnds('shop.orders'))[0]!.latest;
    await withTransaction(source, {}, (tx) =>
      outbox.append(
        tx,
        orders.map((order) => placed({ order })),
      ),
    );
    await waitUntil(
      async () => (await admin.logEnds('shop.orders'))[0]!.latest === before + BigInt(orders.length),
      { what: 'the relay to send them' },
    );
  };
  const handled: string[] = [];
  const stock = defineConsumer('stock', { from: 'first', onGap: 'continue' }).on(placed, (event) => {
    handled.push(event.data.order);
  });
  const serve = async () => {
    const service = consumerService([stock], { database: target, broker, watchMs: 20 });
    onTestFinished(() => service.stop());
    await service.start();
    return service;
  };
  /** Loses events: the consumer's watermark is moved behind the sent events. */
  const losing = async (...orders: readonly string[]) => {
    await place(...orders);
    await target.executor.query('update converge.inbox_partition set next_offset = next_offset + $1', [
      orders.length,
    ]);
  };
  const looked: string[] = [];
  const all = ['a', 'b', 'c', 'd', 'e'];
  const reconciler = defineReconciler('stock-vs-orders', {
    keys: {
      // eslint-disable-next-line @typescript-eslint/require-await -- a scan is a generator, and this one knows its keys
      scan: async function* () {
        yield all;
      },
      gaps: { consumer: 'stock' },
    },
    desired: from<unknown>('orders').read((key) => (looked.push(key), Promise.resolve(key))),
    actual: from<unknown>('stock').read((key) => Promise.resolve(key)),
    compare: () => null,
    repair: () => Promise.resolve(1),
    timing: { settleMs: 0, quietMs: 0, maxWaitMs: 0 },
  });
  const reconciling = reconcilerService([reconciler], {
    databases: { orders: source, stock: target },
    pollMs: 20,
  });
  onTestFinished(() => reconciling.stop());
  await reconciling.start();
  const seen = async (wanted: readonly string[]) => {
    await waitUntil(() => wanted.every((key) => looked.includes(key)), {
      what: `${wanted.join(', ')} looked at`,
    });
    const found = [...new Set(looked.splice(0))].toSorted();
    return found;
  };

  await place('a');
  let service = await serve();
  await waitUntil(() => handled.length === 1, { what: 'the first event' });
  await service.stop();
  await losing('b', 'c', 'b');
  await place('d');
  service = await serve();
  await waitUntil(() => handled.includes('d'), { what: 'the gap to be passed' });
  expect(await seen(['b', 'c'])).toEqual(['b', 'c']);

  await service.stop();
  await losing('e');
  await place('d');
  // The outbox no longer keeps the event.
  await source.executor.query(`delete from converge.outbox where key = 'e'`);
  await serve();
  expect(await seen(all)).toEqual(all);
  // A gap counts as done after its keys were queued: they may be looked at before.
  const done = await waitUntil(
    async () => {
      const { rows } = await target.executor.query(
        `select (select count(*)::int from converge.reconcile_run where cause = 'gap') as wholes
           from converge.reconciler where cardinality(gaps) = 2`,
      );
      return rows.length > 0 && rows;
    },
    { what: 'both gaps to be done' },
  );
  // Every key was queued for the second alone.
  expect(done).toEqual([{ wholes: 1 }]);
});
