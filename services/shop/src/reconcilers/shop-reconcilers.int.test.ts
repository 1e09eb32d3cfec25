import { readFileSync } from 'node:fs';
import { type Database, type Reconciler, systemClock } from 'convergekit';
import { outboxMigrations } from 'convergekit/postgres';
import { reconcileMigrations, runReconciler } from 'convergekit/process';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { type ServedApp, serveApp } from '../../../../libs/kit/src/fixture/serve-app.ts';
import type { OrdersDb } from '../orders/tables.ts';
import { recordPayment, recordRefund } from '../order-list/order-list.ts';
import { providerLedger } from '../payments/provider-ledger.ts';
import { providerApi } from '../provider/api.ts';
import type { ProviderDb } from '../provider/tables.ts';
import { orderListVsPayments } from './order-list.ts';
import { paymentsVsProvider } from './payments-vs-provider.ts';

const tables = [
  'orders/001-orders',
  'orders/002-cancellation',
  'orders/003-order-list',
  'payments/001-payments',
  'payments/002-saga',
  'payments/003-refunds',
  'provider/001-charges',
].map((name) => readFileSync(new URL(`../../sql/${name}.sql`, import.meta.url), 'utf8'));

/** One database stands for those of all services. */
let database: Database<OrdersDb & ProviderDb>;
let server: ServedApp;
let requests: string[];

beforeEach(async () => {
  ({ database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, reconcileMigrations],
    { prefix: 'shop', max: 10 },
  ));
  for (const text of tables) await database.executor.query(text);
  requests = [];
  const api = providerApi(database.db);
  server = await serveApp(() => ({
    fetch: (request) => {
      requests.push(new URL(request.url).search);
      return api.fetch(request);
    },
  }));
});
afterEach(async () => {
  await server.stop();
  await database.close();
});

const rows = async <R>(text: string): Promise<readonly R[]> => (await database.executor.query<R>(text)).rows;
const id = (n: number): string => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
// No relay runs here, so nothing could be proved to have arrived: events on their way are left out.
const run = (reconciler: Reconciler) =>
  runReconciler(
    { ...reconciler, inFlight: undefined as never, timing: { ...reconciler.timing, settleMs: 0 } },
    { databases: { payments: database, orders: database } },
  );
const payments = (): Reconciler =>
  paymentsVsProvider(
    providerLedger(`http://127.0.0.1:${server.port}`, { perSecond: 1_000, burst: 1_000 }, systemClock),
  );

describe('payments against the list of the provider', () => {
  beforeEach(async () => {
    // 250 charges are three pages; each is recorded.
    await rows(
      `insert into charge (key, charge_id, amount_cents, state, at)
       select '00000000-0000-7000-8000-' || lpad(n::text, 12, '0'), 'ch' || n, 100, 'taken', now() - interval '1 hour' from generate_series(1, 250) n`,
    );
    await rows(
      `insert into payment (order_id, amount_cents, state, charge_id) select key::uuid, 100, 'taken', charge_id from charge`,
    );
  });

  it('payments that the provider has alike are compared page by page, and asked for no further', async () => {
    expect(await run(payments())).toEqual({ keys: 0, compared: 250, unknown: 0, outcomes: {} });
    expect(requests).toEqual(['', `?after=${id(100)}`, `?after=${id(200)}`]);
  });

  it('a scan that was interrupted continues with the page behind its checkpoint', async () => {
    const scan = payments().keys.scan({ desired: database.db, actual: database.db } as never, {
      reconciler: 'payments-vs-provider',
      after: id(200),
    });
    for await (const chunk of scan) expect(chunk).toEqual({ keys: [], compared: 50 });
    expect(requests).toEqual([`?after=${id(200)}`]);
  });

  it('a refund that was recorded twice, or not at all, is corrected to what the provider has', async () => {
    await rows(
      `update charge set refund_key = 'r' || key, refunded_cents = 100 where key in ('${id(7)}', '${id(150)}', '${id(8)}')`,
    );
    await rows(`update payment set state = 'refunded', refunded_cents = 200 where order_id = '${id(7)}'`);
    await rows(`update payment set state = 'refunded', refunded_cents = 100 where order_id = '${id(8)}'`);
    expect(await run(payments())).toMatchObject({ keys: 2, outcomes: { repaired: 2 } });
    expect(
      await rows(
        `select order_id, state, refunded_cents, version from payment where refunded_cents > 0 order by order_id`,
      ),
    ).toEqual([
      { order_id: id(7), state: 'refunded', refunded_cents: 100, version: 2 },
      { order_id: id(8), state: 'refunded', refunded_cents: 100, version: 1 },
      { order_id: id(150), state: 'refunded', refunded_cents: 100, version: 2 },
    ]);
    expect(await rows(`select why from converge.reconcile_audit where key = '${id(7)}'`)).toEqual([
      { why: 'recorded refunded with 200 cents refunded, the provider has taken with 100' },
    ]);
    expect((await run(payments())).keys).toBe(0);
  });

  it('money that moved otherwise than recorded is left to an operator, with the reason', async () => {
    await rows(`delete from charge where key = '${id(1)}'`);
    await rows(`delete from payment where order_id in ('${id(2)}', '${id(6)}')`);
    await rows(`update charge set at = now() where key = '${id(6)}'`); // its record may be on its way
    await rows(`update payment set state = 'refunded', refunded_cents = 100 where order_id = '${id(3)}'`);
    await rows(`update payment set amount_cents = 90 where order_id = '${id(4)}'`);
    await rows(`update payment set state = 'declined' where order_id = '${id(5)}'`);
    expect(await run(payments())).toMatchObject({ keys: 5, outcomes: { unresolvable: 5 } });
    const found = await rows<{ reason: string }>(
      `select reason from converge.reconcile_key where state = 'terminal' order by key`,
    );
    expect(found.map(({ reason }) => reason)).toEqual([
      'we recorded a payment that the provider does not know',
      'the provider took a payment that we have no record of',
      'we recorded a refund that the provider has not made: the customer still misses the money',
      'the provider has 100 cents, we have 90',
      'the provider says taken, we recorded declined',
    ]);
  });
});

describe('the order list', () => {
  const shown = () => rows(`select order_id, payment, version from order_list order by order_id`);
  beforeEach(async () => {
    await rows(
      `insert into orders (order_id, state, lines, total_cents, country)
       select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'placed', '[]', 100, 'PT' from generate_series(1, 4) n`,
    );
    await rows(
      `insert into payment (order_id, amount_cents, state) values ('${id(1)}', 100, 'taken'), ('${id(2)}', 100, 'declined')`,
    );
  });

  it('the list shows the payment, in whatever order the two topics are read', async () => {
    await recordPayment(database.db, id(1), 'taken');
    await recordPayment(database.db, id(1), 'none');
    await recordPayment(database.db, id(2), 'none');
    await recordPayment(database.db, id(2), 'declined');
    await recordRefund(database.db, id(2));
    await recordPayment(database.db, id(3), 'none');
    await recordPayment(database.db, id(4), 'none');
    expect(await shown()).toEqual([
      { order_id: id(1), payment: 'taken', version: 1 },
      { order_id: id(2), payment: 'declined', version: 2 },
      { order_id: id(3), payment: 'none', version: 1 },
      { order_id: id(4), payment: 'none', version: 1 },
    ]);
    expect(await run(orderListVsPayments)).toMatchObject({ keys: 0 });
  });

  // Planted fault: compared by equality alone, both are repaired.
  it('a charge that was recorded after its order was cancelled, and undone, is no drift', async () => {
    await rows(`update payment set state = 'refunded' where order_id = '${id(1)}'`);
    for (const n of [1, 2, 3, 4]) await recordPayment(database.db, id(n), 'none');
    expect(await run(orderListVsPayments)).toMatchObject({ keys: 0 });
  });

  it('an entry that is stale, or missing, is brought to the state of its payment, and an order that is merely not listed yet is left alone', async () => {
    await rows(
      `insert into order_list (order_id, total_cents, payment) values ('${id(1)}', 100, 'none'), ('${id(3)}', 100, 'refunded')`,
    );
    expect(await run(orderListVsPayments)).toMatchObject({ keys: 3, outcomes: { repaired: 3 } });
    expect(await shown()).toEqual([
      { order_id: id(1), payment: 'taken', version: 2 },
      { order_id: id(2), payment: 'declined', version: 1 },
      { order_id: id(3), payment: 'none', version: 2 },
    ]);
    expect(await rows(`select why from converge.reconcile_audit where key = '${id(1)}'`)).toEqual([
      { why: 'the list shows none, the payment is taken' },
    ]);
    expect(await run(orderListVsPayments)).toMatchObject({ keys: 0 });
  });
});
