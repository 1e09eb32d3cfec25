import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { payWork } from '../../fixture/pay-work.ts';
import { sagaMigrations } from '../../migrations.ts';
import { bringForward } from './bring-forward-sql.ts';
import { insertWork, insertWorks } from './insert-sql.ts';
import { declareCalls } from './worker-sql.ts';

/** Work that a transaction requests or changes while another one decides about its step. */
let database: Database<object>;
const work = payWork('compensate');
beforeAll(async () => {
  ({ database } = await migratedDatabase<object>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'held', applicationName: 'held-work' },
  ));
  await declareCalls(database.executor, [work.call], 'w');
});
beforeEach(() => database.executor.query('delete from converge.saga_work'));
afterAll(() => database.close());

// Planted fault: with a look that locks nothing the timer is written beside the decision, which does not withdraw it.
it('the timer of a step waits for the decision about the step, and is left out when that has ended it', async () => {
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     values ('s', 'decided', 'pay', 1, 'payments', 'k', 'started', 'e')`,
  );
  const decider = await database.acquire();
  try {
    await decider.query(`begin; update converge.saga_fence set state = 'applied' where instance = 'decided'`);
    let written = false;
    const writing = kyselyTransaction(database.db, {}, (tx) =>
      insertWorks(tx, [{ ...work, op: 'deadline', instance: 'decided' }], (error) => error, true),
    ).then(() => (written = true));
    const waits = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    const isWaiting = async () => (await database.executor.query(waits)).rowCount > 0;
    await waitUntil(async () => written || (await isWaiting()), { what: 'the timer, or its wait' });
    await decider.query('commit');
    await writing;
  } finally {
    decider.release(true);
  }
  expect((await database.executor.query('select from converge.saga_work')).rowCount).toBe(0);
});

// Planted fault: a query that is under way is made again beside it, and its answer is dropped.
it('a query that is awaited becomes due at once, and keeps its lease while a worker makes it', async () => {
  const isDue = async (): Promise<unknown> => {
    await kyselyTransaction(database.db, {}, (tx) => bringForward(tx, { ...work, instance: 'i' }));
    const { rows } = await database.executor.query(
      'select due_at <= clock_timestamp() as due from converge.saga_work',
    );
    return rows[0];
  };
  const asked = { ...work, op: 'apply', instance: 'i', unknownForMs: 60_000, dueMs: 3_600_000 } as const;
  await kyselyTransaction(database.db, {}, (tx) => insertWork(tx, asked));
  const set = (what: string) => database.executor.query(`update converge.saga_work set ${what}`);
  await set(`holder = 'w'`);
  expect(await isDue()).toEqual({ due: false });
  await set('holder = null');
  expect(await isDue()).toEqual({ due: true });
});
