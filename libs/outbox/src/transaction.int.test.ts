import { executorOf } from '@convergekit/postgres';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop } from './fixture/shop.ts';
import type { OutboxTransaction } from './transaction.ts';
import type { ShopDb } from './fixture/shop.ts';

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

it('C1: a commit writes rows and events in the order of the emits, and an error writes neither', async () => {
  const id = await run(async (transaction) => {
    for (const name of ['c', 'a', 'b']) await place(transaction, name);
    return transaction.emit(orderPlaced({ orderId: 'last' }));
  });
  await expect(
    run(async (transaction) => {
      await place(transaction, 'lost');
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
  expect(await ordersOf(shop)).toEqual(['a', 'b', 'c']);
  expect(await keysOf(shop)).toEqual(['c', 'a', 'b', 'last']);
  const { rows } = await shop.database.executor.query('select event_id from converge.outbox where key = $1', [
    'last',
  ]);
  expect(rows).toEqual([{ event_id: id }]);
});

it('a database error at COMMIT leaves neither row nor event', async () => {
  await shop.database.executor.query(
    `alter table orders add parent text, add constraint parent foreign key (parent) references orders deferrable initially deferred`,
  );
  const failing = run(async (transaction) => {
    await place(transaction, 'a');
    await executorOf(transaction.tx).query(`update orders set parent = 'missing'`);
  });
  await expect(failing).rejects.toMatchObject({ code: '23503' });
  expect(await keysOf(shop)).toEqual([]);
});

it('an invalid event throws in the transaction, before anything is written', async () => {
  await expect(run((transaction) => place(transaction, ''))).rejects.toMatchObject({ code: 'KEY_INVALID' });
  expect(await ordersOf(shop)).toEqual([]);
});

it('a transaction without emits sends no statement of the kit', async () => {
  const { database, outbox } = shop;
  const client = await database.acquire();
  const seen: unknown[] = [];
  const query = client.query.bind(client) as (...args: unknown[]) => unknown;
  const textOf = (sent: unknown): unknown =>
    typeof sent === 'object' && sent !== null && 'text' in sent ? sent.text : sent;
  Object.assign(client, { query: (...args: unknown[]) => (seen.push(textOf(args[0])), query(...args)) });
  client.release();
  await outbox.transaction(database.db, async ({ tx }) => tx.selectFrom('orders').selectAll().execute());
  expect(seen).toEqual(['start transaction read write', 'select * from "orders"', 'commit']);
});

it('an emit during or after the end of its transaction throws', async () => {
  const leaked = await run((transaction) => Promise.resolve(transaction));
  expect(() => leaked.emit(orderPlaced({ orderId: 'late' }))).toThrow(
    expect.objectContaining({ code: 'TRANSACTION_ENDED' }),
  );
  expect(await keysOf(shop)).toEqual([]);
});

it('a rerun drops the events of the previous attempt', async () => {
  let runs = 0;
  await run(async (transaction) => {
    runs += 1;
    await place(transaction, `run${runs}`);
    if (runs < 3) throw Object.assign(new Error('rerun'), { code: '40001', severity: 'ERROR' });
  });
  expect(await keysOf(shop)).toEqual(['run3']);
  expect(await ordersOf(shop)).toEqual(['run3']);
});

it('an undeclared event is refused', async () => {
  const { createOutbox } = await import('./outbox.ts');
  const emit = createOutbox([]).transaction(shop.database.db, (transaction) => place(transaction, 'a'));
  await expect(emit).rejects.toMatchObject({ code: 'EVENT_NOT_DECLARED' });
});

describe('savepoints', () => {
  it('a savepoint rolls back its events with its rows, nested ones included', async () => {
    await run(async (transaction) => {
      await place(transaction, 'a');
      await transaction.savepoint(async () => {
        await place(transaction, 'b');
        await transaction
          .savepoint(async () => {
            await place(transaction, 'c');
            await place(transaction, 'c'); // unique violation
          })
          .catch(() => undefined);
        await place(transaction, 'd');
      });
      await transaction
        .savepoint(async () => {
          await place(transaction, 'e');
          throw new Error('undo');
        })
        .catch(() => undefined);
      await place(transaction, 'f');
    });
    expect(await keysOf(shop)).toEqual(['a', 'b', 'd', 'f']);
    expect(await ordersOf(shop)).toEqual(['a', 'b', 'd', 'f']);
  });
});

describe('a nested transaction', () => {
  it('a nested transaction joins the outer one, by the database or by its tx, at any depth of calls', async () => {
    const ids = await run(async (transaction) => {
      await place(transaction, 'outer');
      const own = async (): Promise<unknown> => {
        const { rows } = await executorOf(transaction.tx).query('select pg_backend_pid() as pid');
        return rows;
      };
      const byDatabase = await run(async (inner) => {
        await place(inner, 'by database');
        return (await executorOf(inner.tx).query('select pg_backend_pid() as pid')).rows;
      });
      await shop.outbox.transaction(transaction.tx, (inner) => place(inner, 'by tx'));
      return [byDatabase, await own()];
    });
    expect(ids[0]).toEqual(ids[1]);
    expect(await keysOf(shop)).toEqual(['outer', 'by database', 'by tx']);
  });

  it('a nested transaction is rolled back when the outer one fails', async () => {
    const failing = run(async () => {
      await run((inner) => place(inner, 'a'));
      throw new Error('outer');
    });
    await expect(failing).rejects.toThrow('outer');
    expect(await ordersOf(shop)).toEqual([]);
    expect(await keysOf(shop)).toEqual([]);
  });

  it('a failed nested transaction keeps the outer one from committing, except in a savepoint', async () => {
    const half = async (inner: OutboxTransaction<ShopDb>): Promise<void> => {
      await place(inner, 'half');
      throw new Error('inner');
    };
    const caught = run(async (transaction) => {
      await place(transaction, 'outer');
      await run(half).catch(() => undefined);
    });
    await expect(caught).rejects.toMatchObject({
      code: 'NESTED_FAILED',
      cause: expect.objectContaining({ message: 'inner' }),
    });
    expect(await ordersOf(shop)).toEqual([]);
    await run(async (transaction) => {
      await place(transaction, 'outer');
      await transaction.savepoint(() => run(half)).catch(() => undefined);
    });
    expect(await ordersOf(shop)).toEqual(['outer']);
    expect(await keysOf(shop)).toEqual(['outer']);
  });

  it('a nested transaction is never rerun alone: only the outermost is', async () => {
    let outer = 0;
    let inner = 0;
    await run(async () => {
      outer += 1;
      await run(async (transaction) => {
        inner += 1;
        await place(transaction, `n${inner}`);
        if (inner === 1) throw Object.assign(new Error('rerun'), { code: '40P01', severity: 'ERROR' });
      });
    });
    expect([outer, inner]).toEqual([2, 2]);
    expect(await keysOf(shop)).toEqual(['n2']);
  });

  it('a nested transaction inside a foreign one is refused with the alternative', async () => {
    const foreign = shop.database.db
      .transaction()
      .execute((tx) => shop.outbox.transaction(tx, (inner) => place(inner, 'a')));
    await expect(foreign).rejects.toMatchObject({
      code: 'FOREIGN_TRANSACTION',
      message: expect.stringContaining('append'),
    });
  });

  it('a transaction that starts after the outer one ended is independent', async () => {
    const gate = Promise.withResolvers<undefined>();
    let later: Promise<void> | undefined;
    await run(() => {
      later = gate.promise.then(() => run((transaction) => place(transaction, 'later')));
      return Promise.resolve();
    });
    gate.resolve(undefined);
    await later;
    expect(await keysOf(shop)).toEqual(['later']);
  });
});

it('append works as the last statement of a transaction of any client', async () => {
  const client = await shop.database.acquire();
  const executor = {
    query: (text: string, values?: readonly unknown[]) => client.query(text, values as unknown[]),
  };
  await client.query(`begin; insert into orders values ('a', 1)`);
  const { ids } = await shop.outbox.append(executor as never, [
    orderPlaced({ orderId: 'a' }),
    orderPlaced({ orderId: 'b' }),
  ]);
  await client.query('commit');
  client.release();
  const { rows } = await shop.database.executor.query(
    'select event_id, key from converge.outbox order by id',
  );
  expect(rows).toEqual([
    { event_id: ids[0], key: 'a' },
    { event_id: ids[1], key: 'b' },
  ]);
});
