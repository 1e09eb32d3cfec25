import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { migratedDatabase } from '@convergekit/testing/engine';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { sagaMigrations } from '../../migrations.ts';
import { type AnnouncedWork, listenForWork } from './announce.ts';
import { insertStepWorks } from './insert-all-sql.ts';
import { insertStepWork, type StepWork } from './insert-sql.ts';
import { declareEffects } from './worker-sql.ts';

let database: Database<object>;
const id = '00000000-0000-7000-8000-000000000001';
const work: StepWork = {
  ...{ id, saga: 's', instance: 'i', step: 'pay', op: 'compensate', consumer: 'payments', handler: 's.pay' },
  ...{ effect: 's.pay.compensate', key: 'k', idempotencyKey: id, input: '{"n":1}' },
  cause: { eventId: 'e-1', correlationId: 'c', hops: 1 },
};

beforeAll(async () => {
  ({ database } = await migratedDatabase<object>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'work', applicationName: 'insert-work' },
  ));
  await declareEffects(database.executor, [work.effect], 'w');
});
beforeEach(() => database.executor.query('delete from converge.saga_work'));
afterAll(() => database.close());

const ask = (some: Partial<StepWork> = {}): Promise<boolean> =>
  database.db.transaction().execute((tx) => insertStepWork(tx, { ...work, ...some }));
/** Requests work as a slice does, by one statement for all of its works. */
const askTogether = (some: Partial<StepWork> = {}): Promise<void> =>
  kyselyTransaction(database.db, {}, (tx) => insertStepWorks(tx, [{ ...work, ...some }], (error) => error));
const set = (what: string): Promise<unknown> =>
  database.executor.query(`update converge.saga_work set ${what}`);
async function row() {
  const { rows } = await database.executor.query<{ input: string; term: string }>(
    'select state, input, stuck_reason, outcome, term from converge.saga_work',
  );
  return rows[0];
}

// Planted fault: with terms that begin at 0 a worker that was away writes the outcome of the first call as that of the second.
it('work that has left is requested anew by its step, under a higher term', async () => {
  expect(await ask()).toBe(true);
  const { term: first } = (await row())!;
  await set('term = term + 3');
  await database.executor.query('delete from converge.saga_work');
  expect(await ask({ input: '{"n":2}' })).toBe(true);
  const again = (await row())!;
  expect(again).toMatchObject({ state: 'ready', input: '{"n":2}', stuck_reason: null, outcome: null });
  expect(BigInt(again.term)).toBeGreaterThan(BigInt(first) + 3n);
});

it.each([
  ['ready', `state = 'ready'`],
  ['claimed by a worker', `state = 'calling', holder = 'w', term = 2`],
  ['waiting for an operator', `state = 'stuck', stuck_reason = 'outcome_unknown'`],
])('a second request of work that is still open (%s) changes nothing and returns false', async (_, state) => {
  await ask();
  await set(state);
  const before = await row();
  expect(await ask({ input: '{"n":2}' })).toBe(false);
  expect(await row()).toEqual(before);
});

// Planted fault: without the conditions of its conflict the statement for many works overwrites a call that is under way.
it('the statement for the works of a slice leaves work alone that is open, and requests work anew that has left', async () => {
  await askTogether();
  await set(`state = 'calling', holder = 'w', term = 2`);
  const open = await row();
  await askTogether({ input: '{"n":2}' });
  expect(await row()).toEqual(open);
  await database.executor.query('delete from converge.saga_work');
  await askTogether({ input: '{"n":2}' });
  expect(await row()).toMatchObject({ state: 'ready', input: '{"n":2}' });
});

// Planted fault: without the look at the fences a timer is written that nothing withdraws any more.
it('the statement for the works of a slice leaves out the timer of a step that has ended, and writes the others', async () => {
  const instances = ['ended', 'open', 'not-reached', 'asks-nothing'];
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     select 's', instance, 'pay', 1, 'payments', 'k', state, 'e'
       from (values ('ended', 'tombstoned'), ('open', 'started'), ('asks-nothing', 'tombstoned')) f (instance, state)`,
  );
  const timers = instances.map((instance, n): StepWork => ({
    ...{ ...work, id: id.replace(/.$/, String(n + 1)), instance, op: 'deadline' },
    ...(instance === 'asks-nothing' ? {} : { unlessStepIs: ['applied', 'tombstoned'] }),
  }));
  await kyselyTransaction(database.db, {}, (tx) => insertStepWorks(tx, timers, (error) => error));
  const { rows } = await database.executor.query<{ instance: string }>(
    'select instance from converge.saga_work order by id',
  );
  expect(rows.map(({ instance }) => instance)).toEqual(['open', 'not-reached', 'asks-nothing']);
});

// Planted faults: without the announcement the work of a slice waits for the next look; without `made` open work is announced.
it('the works of a slice are announced once it has committed, and none that was open already', async () => {
  const heard: AnnouncedWork[] = [];
  const end = listenForWork(database.db, (one) => heard.push(one));
  await expect(askTogether({ effect: 'no.worker' })).rejects.toMatchObject({ code: '23502' });
  await askTogether({ dueMs: 5 });
  await askTogether();
  end();
  expect(heard).toEqual([{ id, effect: work.effect, dueMs: 5 }]);
});
