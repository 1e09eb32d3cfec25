/**
 * The settings of a caller's transaction that an append changes or depends on. Planted faults, each seen to fail here: a
 * limit that ignores the session's own; an append without its search_path.
 */
import { connect, executorOf } from '@convergekit/postgres';
import { executorOfClient } from '@convergekit/postgres/engine';
import { hostileRole } from '../../testing/src/fixture/hostile-role.ts';
import { sql } from 'kysely';
import { beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { keysOf, openShop, orderPlaced, type Shop, type ShopDb } from './fixture/shop.ts';
import { createOutbox } from './outbox.ts';

let url: string;
let shop: Shop;

beforeEach(async () => {
  ({ url, ...shop } = await openShop(inject('stack').databaseUrl));
  return () => shop.database.close();
});

const emitSql = `select converge.emit('shop.orders', 'k', 'shop.order.placed', '{"orderId":"k"}')`;

describe.each([
  ['append of one event', 1, 30_000],
  ['append of several events', 2, 30_000],
  ['converge.emit', 0, 60_000],
])('%s', (_name, events, limitMs) => {
  const idleAfter = async (set: string): Promise<string | undefined> => {
    const client = await shop.database.acquire();
    try {
      await client.query('begin');
      await client.query(`set local idle_in_transaction_session_timeout = '${set}'`);
      const list = Array.from({ length: events }, (_, n) => orderPlaced({ orderId: `k${n}` }));
      if (events === 0) await client.query(emitSql);
      else await shop.outbox.append(executorOfClient(client), list);
      const shown = `select setting from pg_settings where name = 'idle_in_transaction_session_timeout'`;
      return (await client.query<{ setting: string }>(shown)).rows[0]?.setting;
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  it('an append sets an idle timeout in a transaction without one', async () => {
    expect(await idleAfter('0')).toBe(String(limitMs));
  });

  it.each([
    ['5s', '5000'],
    ['29999ms', '29999'],
  ])('an append keeps a stricter idle timeout of %s', async (set, ms) => {
    expect(await idleAfter(set)).toBe(ms);
  });
});

it('G1h, N9: outbox.transaction, request keys, append and converge.emit work for a role with hostile defaults', async () => {
  const role = await hostileRole(url);
  const database = connect<ShopDb>({ url: role.url });
  onTestFinished(async () => {
    await database.close();
    await role.drop();
  });
  const outbox = createOutbox([orderPlaced]);
  const db = database.db.withSchema('public');
  const place = (id: string): Promise<string> =>
    outbox.transaction(db, { requestKey: id, request: { id } }, async ({ tx, emit, savepoint }) => {
      await tx.insertInto('orders').values({ id, cents: 1 }).execute();
      await savepoint(() => Promise.resolve(emit(orderPlaced({ orderId: id }))));
      if (id === 'two') emit(orderPlaced({ orderId: 'more' }));
      const { rows } = await sql<{
        v: string;
      }>`select pg_catalog.current_setting('search_path') as v`.execute(tx);
      expect(rows).toEqual([{ v: 'hostile, pg_catalog, public' }]);
      return id;
    });
  for (const id of ['one', 'two', 'three', 'one']) expect(await place(id)).toBe(id);
  await outbox.transaction(db, async ({ tx }) => {
    await outbox.append(executorOf(tx), [orderPlaced({ orderId: 'appended' })]);
  });
  await outbox.transaction(db, async ({ tx }) => {
    await executorOf(tx).query(emitSql);
  });
  expect(await keysOf(shop)).toEqual(['one', 'two', 'more', 'three', 'appended', 'k']);
});
