import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { type Database, executorOf } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase, waitsForLock } from '@convergekit/testing/engine';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { applyTrigger, type Transition } from './apply-trigger.ts';
import type { FenceTrigger } from './fence.ts';
import { lockOfWorkSql } from './fence-sql.ts';

let database: Database<object>;
beforeAll(async () => {
  ({ database } = await migratedDatabase<object>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'fences', applicationName: 'fence-lock' },
  ));
});
beforeEach(async () => {
  await database.executor.query('truncate converge.saga_fence');
  await apply('begin');
});
afterAll(() => database.close());

const step = { saga: 's', version: 1, instance: 'i', step: 'pay' };

/** Applies a trigger in a transaction of its own, which is kept open until `hold` resolves. */
function apply(trigger: FenceTrigger, hold?: Promise<unknown>, applied?: () => void): Promise<Transition> {
  const request = { ...step, consumer: 'payments', key: 'k', op: 'apply', causeEvent: 'e' } as const;
  return kyselyTransaction(database.db, {}, async (tx) => {
    const transition = await applyTrigger(tx, { ...request, trigger });
    applied?.();
    await hold;
    return transition;
  });
}

/** Applies an undo, and returns what `second` gives, which has to wait for the undo's commit. */
async function duringUndo<T>(second: () => Promise<T>): Promise<T> {
  const release = Promise.withResolvers<undefined>();
  const applied = Promise.withResolvers<undefined>();
  const undo = apply('undo', release.promise, () => applied.resolve(undefined));
  await applied.promise;
  let isOver = false;
  const result = second().finally(() => (isOver = true));
  result.catch(() => undefined);
  await waitUntil(async () => isOver || (await waitsForLock(database.executor)), {
    what: 'the second one to wait',
  });
  release.resolve(undefined);
  await undo;
  return result;
}

// Planted fault: without the lock the outcome is decided by the fence as it was before the undo.
it('an outcome that comes while an undo of its step is in its transaction waits, and is decided by what the undo left', async () => {
  const { from, act } = await duringUndo(() => apply('applied'));
  expect([from, act]).toEqual(['undo_pending', 'undo']);
});

// Planted fault: without the lock the worker gets the fence as it was before the undo.
it('the fence that is locked with the work of its step is the one that an undo in its transaction leaves', async () => {
  const text = `with closed as (select $1::text as saga, $2::text as instance, $3::text as step) ${lockOfWorkSql}`;
  const rows = await duringUndo(() =>
    kyselyTransaction(database.db, {}, async (tx) => {
      const found = await executorOf(tx).query<{ state: string }>(text, ['s', 'i', 'pay']);
      return found.rows;
    }),
  );
  expect(rows).toMatchObject([{ state: 'undo_pending' }]);
});
