import { beforeEach, expect, inject, test } from 'vitest';
import { openShop, orderPlaced, type Shop } from './fixture/shop.ts';
import { readTail } from './tail-sql.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop(inject('stack').databaseUrl);
  return () => shop.database.close();
});

const place = (...ids: readonly string[]): Promise<unknown> =>
  shop.outbox.transaction(shop.database.db, async ({ emit }) => {
    for (const orderId of ids) emit(orderPlaced({ orderId }));
    await Promise.resolve();
  });

test('a tail shows an event when it commits, also one whose id was given before the tail began', async () => {
  const { executor } = shop.database;
  const late = await shop.database.acquire();
  await late.query('begin');
  await late.query(`select converge.emit('late.topic', 'late', 'late.written', '{}')`);
  let tail = await readTail(executor, undefined);
  await place('a');
  const keys = async (): Promise<readonly string[]> => {
    tail = await readTail(executor, tail.snapshot);
    return tail.events.map(({ key }) => key);
  };
  expect(await keys()).toEqual(['a']);
  await late.query('commit');
  late.release();
  expect(await keys()).toEqual(['late']);
  expect(await keys()).toEqual([]);
});

test('a sampled tail returns an even share of the matching events, and counts all of them', async () => {
  const { executor } = shop.database;
  const { snapshot } = await readTail(executor, undefined);
  await place(...Array.from({ length: 100 }, (_, index) => `order-${index}`));
  const [first] = (await readTail(executor, snapshot)).events;
  const sampled = await readTail(executor, snapshot, { most: 10 });
  expect(sampled).toMatchObject({ matching: 100 });
  expect(sampled.events.map(({ id }) => Number(id) - Number(first?.id))).toEqual([
    9, 19, 29, 39, 49, 59, 69, 79, 89, 99,
  ]);
  const filtered = { topics: [first?.topic ?? ''], type: first?.type, key: 'order-7' };
  expect((await readTail(executor, snapshot, filtered)).events.map(({ key }) => key)).toEqual(['order-7']);
  expect(await readTail(executor, snapshot, { topics: ['other'] })).toMatchObject({
    matching: 0,
    events: [],
  });
});
