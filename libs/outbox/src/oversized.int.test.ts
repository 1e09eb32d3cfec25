/** Planted fault: with each event checked only before its own insert, earlier events are written here. */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, type Shop } from './fixture/shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop(inject('stack').databaseUrl);
});
afterAll(() => shop.database.close());

it('one oversized event among ten thousand is named, and none is written, even outside a transaction', async () => {
  const events = Array.from({ length: 10_000 }, (_, n) => {
    const event = orderPlaced({ orderId: `order-${n}` });
    // The event is oversized, as from a writer without the contract, which would refuse it at creation.
    return n === 9_000 ? { ...event, payload: JSON.stringify('x'.repeat(900_000)) } : event;
  });
  const failing = shop.outbox.append(shop.database.executor, events);
  await expect(failing).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  expect(await keysOf(shop)).toEqual([]);
  await shop.outbox.append(
    shop.database.executor,
    events.filter((_, n) => n !== 9_000),
  );
  expect(await keysOf(shop)).toHaveLength(9_999);
});
