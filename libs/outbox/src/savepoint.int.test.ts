/**
 * Planted faults, each seen to fail here: other code's statements that do not wait while a savepoint is open; a savepoint
 * that starts or is rolled back while a statement is in flight; events without their level; statements of a savepoint's
 * code after its rollback; a claimed request key without its level.
 */
import { executorOf } from '@convergekit/postgres';
import { manualClock } from '@convergekit/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { keysOf, openShop, orderPlaced, ordersOf, type Shop, type ShopDb } from './fixture/shop.ts';
import { createOutbox } from './outbox.ts';
import type { OutboxTransaction } from './transaction.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop(inject('stack').databaseUrl);
});
beforeEach(async () => {
  await shop.database.executor.query('truncate orders, converge.outbox, converge.request');
});
afterAll(() => shop.database.close());

type Transaction = OutboxTransaction<ShopDb>;
const run = <T>(fn: (transaction: Transaction) => Promise<T>): Promise<T> =>
  shop.outbox.transaction(shop.database.db, fn);

async function place({ tx, emit }: Transaction, id: string): Promise<void> {
  await tx.insertInto('orders').values({ id, cents: 1 }).execute();
  emit(orderPlaced({ orderId: id }));
}

/** Reads the committed orders, which must equal the keys of the events. */
async function survivors(): Promise<string[]> {
  const [orders, keys] = [await ordersOf(shop), await keysOf(shop)];
  expect(keys.toSorted()).toEqual(orders);
  return orders;
}

/** A program that a transaction runs. `turns`: the turns of the event loop that it waits first. */
type Step =
  | { readonly kind: 'write'; readonly turns: number; readonly emitFirst: boolean }
  | { readonly kind: 'savepoint'; readonly turns: number; readonly fails: boolean; readonly of: Step[] }
  | { readonly kind: 'nested' | 'together' | 'in turn'; readonly turns: number; readonly of: Step[] };

const turns = fc.integer({ min: 0, max: 3 });
const { step } = fc.letrec<{ step: Step; steps: Step[] }>((tie) => ({
  steps: fc.array(tie('step'), { minLength: 1, maxLength: 4 }),
  step: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ kind: fc.constant('write' as const), turns, emitFirst: fc.boolean() }),
    fc.record({ kind: fc.constant('savepoint' as const), turns, fails: fc.boolean(), of: tie('steps') }),
    fc.record({ kind: fc.constantFrom('nested', 'together', 'in turn'), turns, of: tie('steps') }),
  ),
}));

async function perform(step: Step, name: string, transaction: Transaction): Promise<void> {
  for (let turn = 0; turn < step.turns; turn += 1) await new Promise(setImmediate);
  switch (step.kind) {
    case 'write': {
      const { tx, emit } = transaction;
      if (step.emitFirst) emit(orderPlaced({ orderId: name }));
      await tx.insertInto('orders').values({ id: name, cents: 1 }).execute();
      if (!step.emitFirst) emit(orderPlaced({ orderId: name }));
      return;
    }
    case 'savepoint': {
      const undo = new Error('undo');
      const inside = transaction.savepoint(async () => {
        await inTurn(step.of, name, transaction);
        if (step.fails) throw undo;
      });
      await inside.catch((error: unknown) => expect(error).toBe(undo));
      return;
    }
    case 'nested':
      return run((inner) => inTurn(step.of, name, inner));
    case 'together':
      await Promise.all(step.of.map((one, at) => perform(one, `${name}.${at}`, transaction)));
      return;
    case 'in turn':
      return inTurn(step.of, name, transaction);
  }
}

async function inTurn(steps: readonly Step[], name: string, transaction: Transaction): Promise<void> {
  for (const [at, one] of steps.entries()) await perform(one, `${name}.${at}`, transaction);
}

/** Computes what survives: every write outside a failing savepoint. */
function expected(step: Step, name: string): string[] {
  if (step.kind === 'write') return [name];
  if (step.kind === 'savepoint' && step.fails) return [];
  return step.of.flatMap((one, at) => expected(one, `${name}.${at}`));
}

test('G1a: an event is written exactly when its row is, for any nested and concurrent savepoints and transactions', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (of) => {
      await shop.database.executor.query('truncate orders, converge.outbox');
      const whole: Step = { kind: 'together', turns: 0, of };
      await run((transaction) => perform(whole, 'w', transaction));
      expect(await survivors()).toEqual(expected(whole, 'w').toSorted());
    }),
    { numRuns: 60 },
  );
});

describe('a savepoint that fails', () => {
  const fail = (transaction: Transaction): Promise<void> =>
    transaction
      .savepoint(async () => {
        await place(transaction, 'undone');
        throw new Error('undo');
      })
      .catch(() => undefined);

  test('a failed savepoint keeps the event that other code emitted meanwhile, whenever its row was written', async () => {
    await run((transaction) => Promise.all([place(transaction, 'before'), fail(transaction)]));
    await run((transaction) => Promise.all([fail(transaction), place(transaction, 'after')]));
    expect(await survivors()).toEqual(['after', 'before']);
  });

  test('a failed savepoint rolls back a released savepoint inside it', async () => {
    await run(async (transaction) => {
      await place(transaction, 'kept');
      await transaction
        .savepoint(async () => {
          await transaction.savepoint(() => place(transaction, 'released'));
          throw new Error('undo');
        })
        .catch(() => undefined);
    });
    expect(await survivors()).toEqual(['kept']);
  });

  test('a failed savepoint with a failed nested transaction leaves the transaction able to commit', async () => {
    await run(async (transaction) => {
      await place(transaction, 'kept');
      const nested = (): Promise<void> =>
        run(async (inner) => {
          await place(inner, 'half');
          throw new Error('nested');
        });
      await transaction.savepoint(nested).catch(() => undefined);
    });
    expect(await survivors()).toEqual(['kept']);
  });

  test('a failed savepoint refuses later statements and events of its code', async () => {
    const late: Promise<unknown>[] = [];
    await run(async (transaction) => {
      const gate = Promise.withResolvers<undefined>();
      await transaction
        .savepoint(() => {
          const write = transaction.tx.insertInto('orders').values({ id: 'late', cents: 1 });
          late.push(
            gate.promise.then(() => write.execute()),
            gate.promise.then(() => transaction.emit(orderPlaced({ orderId: 'late' }))),
          );
          return Promise.reject(new Error('undo'));
        })
        .catch(() => undefined);
      gate.resolve(undefined);
      await Promise.allSettled(late);
      await place(transaction, 'kept');
    });
    for (const one of late) await expect(one).rejects.toMatchObject({ code: 'SAVEPOINT_ENDED' });
    expect(await survivors()).toEqual(['kept']);
  });

  test('a failed savepoint rolls back a statement that its code did not await, and keeps no event of it', async () => {
    let late: Promise<void> | undefined;
    await run(async (transaction) => {
      await transaction
        .savepoint(async () => {
          late = place(transaction, 'late');
          late.catch(() => undefined);
          await executorOf(transaction.tx).query('select 1');
          throw new Error('undo');
        })
        .catch(() => undefined);
      await late?.catch(() => undefined);
      await place(transaction, 'kept');
    });
    expect(await survivors()).toEqual(['kept']);
  });
});

test('a transaction whose function returns while a savepoint runs is rolled back with an error', async () => {
  const gate = Promise.withResolvers<undefined>();
  const leaving = run(async (transaction) => {
    await place(transaction, 'a');
    void transaction.savepoint(() => gate.promise).catch(() => undefined);
    await new Promise(setImmediate);
  });
  await expect(leaving).rejects.toMatchObject({ code: 'SAVEPOINT_OPEN' });
  gate.resolve(undefined);
  expect(await survivors()).toEqual([]);
});

test('a savepoint that awaits a statement from outside fails with an explanation and is rolled back', async () => {
  const clock = manualClock();
  const outbox = createOutbox([orderPlaced], { clock, idleTimeoutMs: 5_000 });
  let waits = 0;
  const stuck = outbox.transaction(shop.database.db, async (transaction) => {
    const asked = Promise.withResolvers<undefined>();
    const outside = asked.promise.then(() => place(transaction, 'outside'));
    await transaction.savepoint(async () => {
      await place(transaction, 'inside');
      asked.resolve(undefined);
      waits += 1;
      await outside;
    });
  });
  stuck.catch(() => undefined);
  while (waits === 0 || clock.sleepers === 0) await new Promise(setImmediate);
  await clock.advance(5_000);
  await expect(stuck).rejects.toMatchObject({ code: 'SAVEPOINT_BLOCKED' });
  expect(await survivors()).toEqual([]);
});
