import { memoryBroker, waitUntil } from '@convergekit/testing';
import { failureTopic } from '@convergekit/contracts';
import { type Database, newUuidV7 } from 'convergekit';
import {
  consumerService,
  callsOf,
  inboxMigrations,
  reconcileMigrations,
  relay,
  relayMigrations,
  runReconciler,
  sagaMigrations,
  sagaWorker,
} from 'convergekit/process';
import { createOutbox, outboxMigrations, withTransaction } from 'convergekit/postgres';
import { paymentRefunded, shopEvents } from '@convergekit/schemas';
import { migratedDatabase } from '@convergekit/testing/engine';
import { expect, inject, it, onTestFinished } from 'vitest';
import { shopMigrations } from '../migrations.ts';
import { payments } from '../payments/consumer.ts';
import { providerClient } from '../payments/provider-client.ts';
import type { ChargeFact, ProviderLedger } from '../payments/provider-ledger.ts';
import type { PaymentsDb } from '../payments/tables.ts';
import { paymentsVsProvider } from './payments-vs-provider.ts';

/** The books of a provider that took 100 cents for each order and paid them back. */
const refunded = (orderIds: readonly string[]): ProviderLedger => {
  const charge = (orderId: string): ChargeFact => ({
    orderId,
    state: 'taken',
    amountCents: 100,
    refundedCents: 100,
    recent: false,
  });
  return {
    list: () => Promise.resolve({ charges: orderIds.map(charge), next: null }),
    find: (orderId) => Promise.resolve(charge(orderId)),
  };
};

// Seen to fail without `inFlight` of the reconciler: then the refund is written by it, before its event is handled.
it('S47, G7m: payments-vs-provider waits for a late consumer of payments, and repairs only what its events do not', async () => {
  const database = await openPayments();
  const broker = await openBroker();
  const sending = relay({ database, broker, saveMs: 5 });
  onTestFinished(() => sending.stop());
  await sending.start();
  const [first, late, lost] = [newUuidV7(), newUuidV7(), newUuidV7()];
  for (const orderId of [first, late, lost])
    await database.executor.query(
      `insert into payment (order_id, amount_cents, state, charge_id) values ($1, 100, 'taken', 'charge')`,
      [orderId],
    );
  const stateOf = async (orderId: string): Promise<unknown> =>
    (
      await database.executor.query(
        'select state, refunded_cents, version from payment where order_id = $1',
        [orderId],
      )
    ).rows[0];
  const byConsumer = { state: 'refunded', refunded_cents: 100, version: 2 };
  const isRefunded = (orderId: string) =>
    waitUntil(async () => JSON.stringify(await stateOf(orderId)) === JSON.stringify(byConsumer), {
      what: 'the consumer to record the refund',
    });
  const consumer = payments(providerClient('http://127.0.0.1:1'));
  const worker = sagaWorker(callsOf(consumer), { database });
  onTestFinished(() => worker.stop());
  await worker.start();
  const consume = async () => {
    const service = consumerService([consumer], {
      database,
      broker,
      watchMs: 20,
    });
    onTestFinished(() => service.stop());
    await service.start();
    return service;
  };
  const outbox = createOutbox([paymentRefunded]);
  const refund = (orderId: string) =>
    withTransaction(database, {}, (tx) =>
      outbox.append(tx, [paymentRefunded({ orderId, amountCents: 100, reason: 'cancelled' })]),
    );
  const reconciler = paymentsVsProvider(refunded([first, late, lost]));
  const run = async () =>
    (
      await runReconciler(
        { ...reconciler, timing: { ...reconciler.timing, settleMs: 0 } },
        { databases: { payments: database } },
      )
    ).outcomes;
  const repairs = async () =>
    (await database.executor.query(`select key from converge.reconcile_audit where verdict = 'repaired'`))
      .rows;

  const running = await consume();
  await refund(first);
  await isRefunded(first);
  await running.stop();
  await refund(late);
  await refund(lost);
  await run();
  expect([await repairs(), await stateOf(late)]).toEqual([
    [],
    { state: 'taken', refunded_cents: 0, version: 1 },
  ]);
  const { rows: waiting } = await database.executor.query<{ reason: string }>(
    'select reason from converge.reconcile_key where key = $1',
    [late],
  );
  expect(waiting[0]?.reason).toMatch(/^in flight: /);

  // The consumer continues: what it records is no drift. What was undone by hand afterwards is one.
  await consume();
  await isRefunded(late);
  await isRefunded(lost);
  await database.executor.query(
    `update payment set state = 'taken', refunded_cents = 0 where order_id = $1`,
    [lost],
  );
  await database.executor.query('update converge.reconcile_key set next_at = clock_timestamp()');
  await waitUntil(async () => (await run(), (await repairs()).length > 0), { what: 'the repair' });
  expect(await repairs()).toEqual([{ key: lost }]);
  expect(await stateOf(late)).toEqual(byConsumer);
});

async function openPayments(): Promise<Database<PaymentsDb>> {
  const { database } = await migratedDatabase<PaymentsDb>(
    inject('stack').databaseUrl,
    [
      outboxMigrations,
      relayMigrations,
      inboxMigrations,
      reconcileMigrations,
      sagaMigrations,
      ...shopMigrations.payments,
    ],
    { prefix: 'payments' },
  );
  onTestFinished(() => database.close());
  return database;
}

async function openBroker() {
  const broker = memoryBroker();
  onTestFinished(() => broker.close());
  const admin = await broker.admin();
  const failures = ['orders', 'inventory', 'payments', 'shipping'].map((consumer) => failureTopic(consumer));
  for (const name of new Set([...shopEvents.map(({ topic }) => topic), ...failures]))
    await admin.createTopic({ name, partitions: 2 });
  return broker;
}
