import { serviceDatabase } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { orderPlaced, placeOrder, type ShopDb } from './events.ts';

const order = { orderId: 'o1', sku: 'cup', cents: 900 };

it('the example of “events” writes row and event together, once for a request, and neither when the row is refused', async () => {
  const tables = 'create table orders ("orderId" text primary key, sku text not null, cents int not null)';
  const database = await serviceDatabase<ShopDb>(inject('stack').databaseUrl, tables);
  const events = async () => {
    const { rows } = await database.executor.query('select type, key from converge.outbox');
    return rows;
  };
  try {
    await placeOrder(database.db, order, 'request-1');
    expect(await placeOrder(database.db, order, 'request-1')).toEqual(order);
    expect(await events()).toEqual([{ type: 'shop.order.placed', key: 'o1' }]);
    await expect(placeOrder(database.db, order, 'request-2')).rejects.toMatchObject({ code: '23505' });
    await expect(placeOrder(database.db, { ...order, cents: 1 }, 'request-1')).rejects.toMatchObject({
      code: 'REQUEST_KEY_REUSED',
    });
    expect(await events()).toHaveLength(1);
  } finally {
    await database.close();
  }
});

it('data that does not fit throws without quoting the value', () => {
  expect(() => orderPlaced({ ...order, cents: -4_711 })).toThrow(/cents/);
  expect(() => orderPlaced({ ...order, cents: -4_711 })).not.toThrow(/4711/);
});
