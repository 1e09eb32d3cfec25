import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { createOutbox } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { applyAll, applyOne, serviceDatabase, startPostgres, type TestPostgres } from '@convergekit/testing';
import { carrier, warehouse } from '../src/delivery.ts';
import { orderPlaced } from '../src/events.ts';
import { api } from '../src/http.ts';
import { orders } from '../src/orders.ts';
import { payments } from '../src/payments.ts';
import type { Tables } from '../src/tables.ts';

const tables = readFileSync(new URL('../migrations/001-orders.sql', import.meta.url), 'utf8');
const consumers = [payments, orders, warehouse, carrier];
let server: TestPostgres;

before(async () => {
  server = await startPostgres(); // DATABASE_URL, else Docker, else from npm
});
after(() => server.stop());

/** Runs a test on an empty database of its own. */
async function withDatabase(test: (database: Database<Tables>) => Promise<void>) {
  const database = await serviceDatabase<Tables>(server.databaseUrl, tables);
  try {
    await test(database);
  } finally {
    await database.close();
  }
}

const order = (orderId: string, more: object = {}) => ({
  orderId,
  sku: 'book',
  pieces: 2,
  cents: 4_200,
  ...more,
});

it('a payment is taken once, however often its event arrives', () =>
  withDatabase(async (database) => {
    const event = orderPlaced(order('o1'));
    assert.equal((await applyOne(database, payments, event)).kind, 'applied');
    assert.equal((await applyOne(database, payments, event)).kind, 'duplicate');
    const charges = await database.db.selectFrom('charges').selectAll().execute();
    assert.deepEqual(charges, [{ orderId: 'o1', cents: 4_200 }]);
  }));

// The consumers get the events in random order and some of them twice; another seed is another order.
it('an order is shipped, a dear one is declined, and a heavy one goes back to the shelf, in any order', () =>
  withDatabase(async (database) => {
    const placed = [
      order('light'),
      order('dear', { cents: 420_000 }),
      order('heavy', { sku: 'anvil', pieces: 1 }),
    ];
    await database.db.insertInto('orders').values(placed).execute();
    const { openCalls } = await applyAll([{ database, consumers }], placed.map(orderPlaced), { seed: 7 });
    assert.deepEqual(openCalls, []);
    const found = database.db.selectFrom('orders').select(['orderId', 'status', 'reason']).orderBy('orderId');
    assert.deepEqual(await found.execute(), [
      { orderId: 'dear', status: 'declined', reason: 'over the limit of this card' },
      { orderId: 'heavy', status: 'undeliverable', reason: 'the carrier refused it' },
      { orderId: 'light', status: 'shipped', reason: null },
    ]);
    const stock = await database.db.selectFrom('stock').selectAll().orderBy('sku').execute();
    assert.deepEqual(stock, [
      { sku: 'anvil', free: 3 },
      { sku: 'book', free: 98 },
    ]);
  }));

it('a request that is repeated with its key places one order', () =>
  withDatabase(async ({ db }) => {
    const transaction = createOutbox([orderPlaced]).for(db);
    const app = api({ db, transaction });
    const post = (cents: number) =>
      app.request('/orders', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' },
        body: JSON.stringify({ sku: 'book', pieces: 1, cents }),
      });
    const first = await post(4_200);
    assert.equal(first.status, 201);
    assert.deepEqual(await (await post(4_200)).json(), await first.json());
    // The service answers 422.
    await assert.rejects(async () => post(1), { code: 'REQUEST_KEY_REUSED' });
  }));
