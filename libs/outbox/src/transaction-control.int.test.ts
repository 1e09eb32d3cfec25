import { executorOf } from '@convergekit/postgres';
import { clientOf } from '@convergekit/postgres/engine';
import { Kysely, PostgresDialect } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop, type ShopDb } from './fixture/shop.ts';
import type { OutboxTransaction } from './transaction.ts';

/**
 * Code that ends the transaction of `outbox.transaction`. For the faults: the check of the texts
 * (also on a pool of the application's own), and the tags of answers for a text that comes past it.
 */
let shop: Shop;
/** A pool that `connect` did not make. */
let foreign: Kysely<ShopDb>;
beforeAll(async () => {
  shop = await openShop(inject('stack').databaseUrl);
  const { pool } = shop.database;
  const owned = { connect: () => pool.connect(), end: () => Promise.resolve(), options: pool.options };
  foreign = new Kysely<ShopDb>({ dialect: new PostgresDialect({ pool: owned }) });
});
beforeEach(async () => {
  await shop.database.executor.query('truncate orders, converge.outbox');
});
afterAll(() => shop.database.close());

type Send = (transaction: OutboxTransaction<ShopDb>, text: string) => Promise<unknown>;
const sendThroughTx: Send = ({ tx }, text) => executorOf(tx).query(text);
const sendPast: Send = async ({ tx }, text) => (await clientOf(tx))!.query(text);

/** Places an order, and sends a text after it. Its error is ignored, as by code that recovers from one. */
const placed = (db: Kysely<ShopDb>, send: Send, text: string): Promise<unknown> =>
  shop.outbox.transaction(db, async (transaction) => {
    const { tx, emit } = transaction;
    await tx.insertInto('orders').values({ id: 'a', cents: 1 }).execute();
    emit(orderPlaced({ orderId: 'a' }));
    await send(transaction, text);
  });

const refused = ['rollback', '/* x */ commit', 'select 1; commit', 'savepoint a', 'rollback to a'];
test.each(refused)(
  'G1a: “%s” in a transaction is refused, and nothing of the transaction is kept',
  async (text) => {
    for (const db of [shop.database.db, foreign])
      await expect(placed(db, sendThroughTx, text)).rejects.toMatchObject({ code: 'TRANSACTION_REFUSED' });
    expect([await ordersOf(shop), await keysOf(shop)]).toEqual([[], []]);
  },
);

test.each(['rollback', 'rollback and chain', 'rollback; begin'])(
  'G1a: a transaction that “%s” ended past the checks of the texts rejects, and writes no event',
  async (text) => {
    await expect(placed(shop.database.db, sendPast, text)).rejects.toMatchObject({
      code: 'TRANSACTION_ENDED_EARLY',
      certainty: 'not_applied',
    });
    expect([await ordersOf(shop), await keysOf(shop)]).toEqual([[], []]);
  },
);

test('a transaction that was committed past the checks of the texts rejects with an unknown outcome', async () => {
  await expect(placed(shop.database.db, sendPast, 'commit')).rejects.toMatchObject({
    code: 'TRANSACTION_ENDED_EARLY',
    certainty: 'unknown',
  });
  expect(await keysOf(shop)).toEqual([]);
});
