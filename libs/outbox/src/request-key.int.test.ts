/** Planted faults, each seen to fail here: a key that every request claims; a repeated key whose content is not compared. */
import { beforeEach, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop } from './fixture/shop.ts';

let shop: Shop;

beforeEach(async () => {
  shop = await openShop(inject('stack').databaseUrl, { max: 24 });
  return () => shop.database.close();
});

interface Answer {
  readonly orderId: string;
  readonly at: Date;
}

let made = 0;
const order = (
  requestKey: string,
  request: unknown = { cents: 1 },
  isolation: 'read committed' | 'serializable' = 'read committed',
): Promise<Answer> =>
  shop.outbox.transaction(shop.database.db, { requestKey, request, isolation }, async ({ tx, emit }) => {
    made += 1;
    const orderId = `o${made}`;
    await tx.insertInto('orders').values({ id: orderId, cents: 1 }).execute();
    emit(orderPlaced({ orderId }));
    return { orderId, at: new Date() };
  });

it.each(['read committed', 'serializable'] as const)(
  'C8, G3g: twenty concurrent requests with one key have one effect and one answer (%s)',
  async (isolation) => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => order('key', { cents: 1 }, isolation)),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await ordersOf(shop)).toEqual([answers[0]?.orderId]);
    expect(await keysOf(shop)).toEqual([answers[0]?.orderId]);
  },
);

it('the first answer and a repeated one are the same JSON', async () => {
  const [first, repeated] = [await order('key'), await order('key')];
  expect(first).toEqual(repeated);
  expect(typeof first.at).toBe('string');
});

it('G3g: another content under a used key is refused, even while the first request runs', async () => {
  const settled = await Promise.allSettled([order('key', { cents: 1 }), order('key', { cents: 2 })]);
  const refused = settled.find((result) => result.status === 'rejected');
  expect(refused?.reason).toMatchObject({ code: 'REQUEST_KEY_REUSED', category: 'data' });
  expect(await ordersOf(shop)).toHaveLength(1);
});

it('the order of a request’s members does not matter', async () => {
  expect(await order('key', { a: 1, b: 2 })).toEqual(await order('key', { b: 2, a: 1 }));
});

it('a failed request may be repeated under its key', async () => {
  const { outbox, database } = shop;
  const failing = outbox.transaction(database.db, { requestKey: 'key', request: 1 }, ({ emit }) => {
    emit(orderPlaced({ orderId: 'lost' }));
    return Promise.reject(new Error('no'));
  });
  await expect(failing).rejects.toThrow('no');
  await order('key', 1);
  expect(await ordersOf(shop)).toHaveLength(1);
  expect(await keysOf(shop)).toHaveLength(1);
});

it('a request without a result is stored, and a repeat waits for a request that fails', async () => {
  const { outbox, database } = shop;
  const options = { requestKey: 'key', request: 1 };
  const claimed = Promise.withResolvers<undefined>();
  const release = Promise.withResolvers<undefined>();
  const failing = outbox.transaction(database.db, options, async (): Promise<string> => {
    claimed.resolve(undefined);
    await release.promise;
    throw new Error('no');
  });
  await claimed.promise;
  const waiting = outbox.transaction(database.db, options, () => Promise.resolve(undefined));
  release.resolve(undefined);
  await expect(failing).rejects.toThrow('no');
  expect(await waiting).toBeUndefined();
  expect(await outbox.transaction(database.db, options, () => Promise.resolve('not run'))).toBeUndefined();
});

it('a result without JSON is refused before the commit', async () => {
  const { outbox, database } = shop;
  const bad = outbox.transaction(database.db, { requestKey: 'key', request: 1 }, async ({ tx }) => {
    await tx.insertInto('orders').values({ id: 'a', cents: 1 }).execute();
    return { big: 1n };
  });
  await expect(bad).rejects.toMatchObject({ code: 'REQUEST_RESULT_INVALID' });
  expect(await ordersOf(shop)).toEqual([]);
});

// Planted fault: a key that the client did not send makes a transaction without one, and a repeat a second effect.
it('G3g: a request whose key is undefined is refused and has no effect', async () => {
  const { outbox, database } = shop;
  const options = { requestKey: undefined, request: 1 };
  const keyless = outbox.transaction(database.db, options, ({ emit }) =>
    Promise.resolve(emit(orderPlaced({ orderId: 'twice' }))),
  );
  await expect(keyless).rejects.toMatchObject({ code: 'REQUEST_KEY_INVALID' });
  expect(await keysOf(shop)).toEqual([]);
});
