/** Taken out once, and a test here failed: all events are checked before the first is written (each one before its own insert). */
import { freshDatabase } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, type Shop } from './fixture/shop.ts';

let shop: Shop;

beforeAll(async () => {
  shop = await openShop(await freshDatabase(inject('stack').databaseUrl));
});
afterAll(() => shop.database.close());

it('one event among ten thousand that is too large is named, and nothing of them is written, even outside a transaction', async () => {
  const events = Array.from({ length: 10_000 }, (_, n) => {
    const event = orderPlaced({ orderId: `order-${n}` });
    // As from a writer without the contract, which would refuse it when it is made.
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
