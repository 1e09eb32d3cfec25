import type { Database } from 'convergekit';
import {
  applyAll,
  applyOne,
  eventsOf,
  faultProxy,
  manualClock,
  sagaTrial,
  serviceDatabase,
  startPostgres,
  stubCall,
  type TestPostgres,
  withPostgres,
} from '@convergekit/testing';
import { connect } from 'convergekit/postgres';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { buy, cancelled, ordered, shop, SHOP_TABLES, type ShopDb } from './testing.ts';
import { orderPlaced, stock, type StockDb, stockReserved, TABLES } from './write-a-consumer.ts';

// The Postgres of all tests is the given one here.
vi.stubEnv('DATABASE_URL', inject('stack').databaseUrl);
afterAll(() => vi.unstubAllEnvs());

let server: TestPostgres;
let database: Database<StockDb>;
beforeAll(async () => {
  server = await startPostgres(); // DATABASE_URL, else Docker, else embedded from npm
  database = await serviceDatabase<StockDb>(server.databaseUrl, TABLES);
});
afterAll(async () => {
  await database.close();
  await server.stop();
});

it('an order takes its pieces from the stock, once', async () => {
  await database.db.insertInto('stock').values({ sku: 'cup', free: 3 }).execute();
  const order = orderPlaced({ orderId: 'o1', sku: 'cup', pieces: 2 });
  const outcome = await applyOne(database, stock, order);
  expect(outcome).toMatchObject({
    kind: 'applied',
    written: {
      reservation: { inserted: [{ orderId: 'o1', sku: 'cup', pieces: 2 }] },
      stock: { updated: [{ before: { free: 3 }, after: { free: 1 } }] },
    },
  });
  expect(eventsOf(outcome.emitted, stockReserved)).toEqual([{ orderId: 'o1', sku: 'cup', pieces: 2 }]);
  // The same object is the same event, delivered again.
  expect(await applyOne(database, stock, order)).toMatchObject({ kind: 'duplicate', emitted: [] });
});

it('an order for more than there is gets refused, and says so', async () => {
  const outcome = await applyOne(database, stock, orderPlaced({ orderId: 'o2', sku: 'cup', pieces: 9 }));
  expect(outcome).toMatchObject({
    kind: 'rejected',
    written: {},
    emitted: [{ topic: 'warehouse.failures' }],
    parked: { reason: '9 of cup are not there' },
  });
});

it('two orders end with one charge and one parcel each, in any order', async () => {
  for (const seed of [1, 2, 3]) {
    const bank = stubCall({ answer: ({ order }: { order: string }) => ({ receipt: `r-${order}` }) });
    const own = await serviceDatabase<ShopDb>(server.databaseUrl, SHOP_TABLES);
    bank.next('unknown_applied'); // the first answer is lost: the worker queries before it calls again
    const orders = ['a', 'b'].map((order) => ordered({ order, cents: 900 }));
    const service = { database: own, consumers: shop(bank).consumers };
    const quiet = await applyAll([service], orders, { seed, duplicates: 0.3 });
    expect(quiet).toMatchObject({ parked: [], openCalls: [] });
    expect(bank.ledger()).toMatchObject([{ undone: false }, { undone: false }]);
    expect(await own.db.selectFrom('parcel').selectAll().execute()).toHaveLength(2);
    await own.close();
  }
});

it('an order is carried out wholly or not at all, whatever goes wrong', async () => {
  const bank = stubCall({ answer: ({ order }: { order: string }) => ({ receipt: `r-${order}` }) });
  const own = await serviceDatabase<ShopDb>(server.databaseUrl, SHOP_TABLES);
  const trial = await sagaTrial(buy, [{ database: own, consumers: shop(bank).consumers }], {
    runs: 10,
    start: (order) => ordered({ order, cents: 900 }),
    cancel: (order) => cancelled({ order, cents: 900 }),
    check: async ({ key, ended }) => {
      const wanted = ended === 'completed' ? 1 : 0;
      const shelf = await own.db.selectFrom('picked').selectAll().where('order', '=', key).execute();
      const parcels = await own.db.selectFrom('parcel').selectAll().where('order', '=', key).execute();
      const charged = bank.ledger().filter(({ input, undone }) => input.order === key && !undone);
      expect([shelf.length, charged.length, parcels.length]).toEqual([wanted, wanted, wanted]);
    },
  });
  expect(trial.completed).toBeGreaterThan(0);
  expect(trial.compensated).toBeGreaterThan(0);
  await own.close();
});

it('the bank can be slow, refuse, or lose a message', async () => {
  const clock = manualClock();
  const bank = stubCall({ answer: (cents: number) => ({ receipt: `for ${cents}` }), delayMs: 500, clock });
  bank.next('unknown_applied', 'rejected');
  const lost = bank.call(5, { idempotencyKey: 'k1' }).catch((error: unknown) => error);
  await clock.advance(500);
  expect(await lost).toMatchObject({ category: 'network', certainty: 'unknown' });
  expect(await bank.query(5, { idempotencyKey: 'k1' })).toEqual({
    kind: 'applied',
    result: { receipt: 'for 5' },
  });
  expect(bank.ledger()).toMatchObject([{ key: 'k1', input: 5, undone: false }]);
});

it('a database that does not answer is an error of the caller', async () => {
  await withPostgres(async (databaseUrl) => {
    const { hostname, port } = new URL(databaseUrl);
    const proxy = await faultProxy({ target: `${hostname}:${port}` });
    const through = new URL(databaseUrl);
    through.host = proxy.address;
    const cut = connect({ url: through.href, connectTimeoutMs: 1_000 });
    await cut.ping();
    proxy.cut(); // also: stall, dropReplies, delay(ms); restore ends them
    await expect(cut.ping()).rejects.toThrow();
    await cut.close();
    await proxy.close();
  });
});
