import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { createOutbox } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { applyAll, applyOne, serviceDatabase, startPostgres, type TestPostgres } from '@convergekit/testing';
import { orderPlaced } from '../src/events.ts';
import { api } from '../src/orders/http.ts';
import { orders, type Tables as Shop } from '../src/orders/orders.ts';
import { payments, type Tables as Bank } from '../src/payments/service.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
let server: TestPostgres;

before(async () => {
  server = await startPostgres(); // DATABASE_URL, else Docker, else from npm
});
after(() => server.stop());

interface Databases {
  readonly shop: Database<Shop>;
  readonly bank: Database<Bank>;
}

/** Runs a test on an empty database for each service. */
async function withDatabases(test: (databases: Databases) => Promise<void>) {
  const { databaseUrl } = server;
  const shop = await serviceDatabase<Shop>(databaseUrl, read('../src/orders/migrations/001-orders.sql'));
  const bank = await serviceDatabase<Bank>(databaseUrl, read('../src/payments/migrations/001-charges.sql'));
  try {
    await test({ shop, bank });
  } finally {
    await Promise.all([shop.close(), bank.close()]);
  }
}

it('a payment is taken once, however often its event arrives', () =>
  withDatabases(async ({ bank }) => {
    const event = orderPlaced({ orderId: 'o1', cents: 4_200 });
    assert.equal((await applyOne(bank, payments, event)).kind, 'applied');
    assert.equal((await applyOne(bank, payments, event)).kind, 'duplicate');
    const charges = await bank.db.selectFrom('charges').selectAll().execute();
    assert.deepEqual(charges, [{ orderId: 'o1', cents: 4_200 }]);
  }));

// The consumers get the events in random order and some of them twice; another seed is another order.
it('both services end with one paid and one declined order, in any order of events', () =>
  withDatabases(async ({ shop, bank }) => {
    const placed = [
      { orderId: 'small', cents: 4_200 },
      { orderId: 'dear', cents: 420_000 },
    ];
    await shop.db.insertInto('orders').values(placed).execute();
    await applyAll(
      [
        { database: shop, consumers: [orders] },
        { database: bank, consumers: [payments] },
      ],
      placed.map(orderPlaced),
      { seed: 7 },
    );
    const found = shop.db.selectFrom('orders').select(['orderId', 'status', 'reason']).orderBy('orderId');
    assert.deepEqual(await found.execute(), [
      { orderId: 'dear', status: 'declined', reason: 'over the limit of this card' },
      { orderId: 'small', status: 'paid', reason: null },
    ]);
    const charges = await bank.db.selectFrom('charges').select('orderId').execute();
    assert.deepEqual(charges, [{ orderId: 'small' }]);
  }));

it('a request that is repeated with its key places one order', () =>
  withDatabases(async ({ shop: { db } }) => {
    const transaction = createOutbox([orderPlaced]).for(db);
    const app = api({ db, transaction });
    const post = (cents: number) =>
      app.request('/orders', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' },
        body: JSON.stringify({ cents }),
      });
    const first = await post(4_200);
    assert.equal(first.status, 201);
    assert.deepEqual(await (await post(4_200)).json(), await first.json());
    // The service answers 422.
    await assert.rejects(async () => post(1), { code: 'REQUEST_KEY_REUSED' });
  }));
