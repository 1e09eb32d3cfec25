import { executorOf } from '@convergekit/postgres';
import { beforeEach, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop, type ShopDb } from './fixture/shop.ts';
import type { OutboxTransaction } from './transaction.ts';

let shop: Shop;
beforeEach(async () => {
  shop = await openShop(inject('stack').databaseUrl);
  return () => shop.database.close();
});

async function place({ tx, emit }: OutboxTransaction<ShopDb>, id: string): Promise<void> {
  await tx.insertInto('orders').values({ id, cents: 1 }).execute();
  emit(orderPlaced({ orderId: id }));
}

const run = <T>(fn: (transaction: OutboxTransaction<ShopDb>) => Promise<T>): Promise<T> =>
  shop.outbox.transaction(shop.database.db, fn);

const notAwaited: readonly [string, (transaction: OutboxTransaction<ShopDb>) => unknown][] = [
  ['that fails', ({ tx }) => void executorOf(tx).query('select 1 / 0')],
  ['that succeeds', ({ tx }) => void tx.insertInto('orders').values({ id: 'b', cents: 1 }).execute()],
  [
    'that emits behind it',
    ({ tx, emit }) =>
      void executorOf(tx)
        .query('select 1')
        .then(() => emit(orderPlaced({ orderId: 'b' }))),
  ],
  ['in a nested transaction', ({ tx }) => void run(() => executorOf(tx).query('select 1'))],
];
it.each(notAwaited)(
  'a transaction whose function returns before a statement %s is answered is refused, and says what is missing',
  async (_, act) => {
    const refused = run(async (transaction) => {
      await place(transaction, 'a');
      await act(transaction);
    });
    await expect(refused).rejects.toMatchObject({
      code: 'STATEMENT_NOT_AWAITED',
      message: expect.stringContaining('`await` is missing') as string,
    });
    expect([await ordersOf(shop), await keysOf(shop)]).toEqual([[], []]);
  },
);
