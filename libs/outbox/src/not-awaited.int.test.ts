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

/** Counts the places that a limiter has given and not got back. */
function limiter() {
  const given = { places: 0 };
  const limit = async (fn: () => Promise<unknown>): Promise<void> => {
    given.places += 1;
    try {
      await fn();
    } finally {
      given.places -= 1;
    }
  };
  return { given, limit };
}

it('a transaction whose function throws while statements are in work has them answered, so a limiter around them gets its places back', async () => {
  const { given, limit } = limiter();
  const refused = run(({ tx }) =>
    Promise.all([0, 1, 2, 3].map((n) => limit(() => executorOf(tx).query(`select 1 / ${n}`)))),
  );
  await expect(refused).rejects.toMatchObject({ code: '22012' });
  await expect.poll(() => given.places).toBe(0);
});

it.each<[string, (transaction: OutboxTransaction<ShopDb>) => Promise<unknown>]>([
  ['through the executor', ({ tx }) => executorOf(tx).query('select 1')],
  ['of a query', ({ tx }) => tx.selectFrom('orders').selectAll().execute()],
])('a statement %s that its function does not wait for any more ends no process', async (_, second) => {
  // Vitest's own listeners fail the run.
  const events = ['unhandledRejection', 'uncaughtException'] as const;
  const others = events.map(
    (event) => [event, process.listeners(event as 'exit') as (() => void)[]] as const,
  );
  for (const event of events) process.removeAllListeners(event);
  const uncaught: unknown[] = [];
  process.on('uncaughtException', (error) => uncaught.push(error));
  try {
    const refused = run(async (transaction) => {
      const [a, b] = [executorOf(transaction.tx).query('select 1 / 0'), second(transaction)];
      await a;
      await b;
    });
    await expect(refused).rejects.toMatchObject({ code: '22012' });
    await run((transaction) => place(transaction, 'a'));
    expect(uncaught).toEqual([]);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const [event, listeners] of others) for (const one of listeners) process.on(event, one);
  }
});
