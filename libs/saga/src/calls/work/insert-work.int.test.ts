import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { FENCE_STATES, isDecided } from '../../fence/fence.ts';
import { PAY_ID, payWork } from '../../fixture/pay-work.ts';
import { sagaMigrations } from '../../migrations.ts';
import { pauseSaga } from '../../operate/pause.ts';
import { type AnnouncedWork, listenForWork } from './announce.ts';
import { claimWork } from './claim-sql.ts';
import { insertWork, insertWorks, type NewWork } from './insert-sql.ts';
import type { ClaimedWork } from './work.ts';
import { declareCalls } from './worker-sql.ts';

let database: Database<object>;
const id = PAY_ID;
const work = payWork('compensate') satisfies NewWork;

beforeAll(async () => {
  ({ database } = await migratedDatabase<object>(
    inject('stack').databaseUrl,
    [outboxMigrations, inboxMigrations, sagaMigrations],
    { prefix: 'work', applicationName: 'insert-work' },
  ));
  await declareCalls(database.executor, [work.call], 'w');
});
beforeEach(() => database.executor.query('delete from converge.saga_work'));
afterAll(() => database.close());

const ask = (some: Partial<NewWork> = {}): Promise<boolean> =>
  database.db.transaction().execute((tx) => insertWork(tx, { ...work, ...some }));
/** Requests work as a slice does, by one statement for all of its works. */
const askTogether = (some: Partial<NewWork> = {}): Promise<void> =>
  kyselyTransaction(database.db, {}, (tx) => insertWorks(tx, [{ ...work, ...some }], (error) => error, true));
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

// Planted fault: with an update at its conflict the statement overwrites a call that is under way.
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
  const instances = ['not-reached', 'asks-nothing', ...FENCE_STATES];
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     select 's', state, 'pay', 1, 'payments', 'k', state, 'e' from unnest($1::text[]) as state
     union all select 's', 'asks-nothing', 'pay', 1, 'payments', 'k', 'tombstoned', 'e'`,
    [FENCE_STATES],
  );
  const timers = instances.map((instance, n): NewWork => ({
    ...work,
    id: id.replace(/..$/, String(n + 10)),
    instance,
    op: instance === 'asks-nothing' ? 'expire' : 'deadline',
  }));
  await kyselyTransaction(database.db, {}, (tx) => insertWorks(tx, timers, (error) => error, true));
  const { rows } = await database.executor.query<{ instance: string }>(
    'select instance from converge.saga_work order by id',
  );
  const open = FENCE_STATES.filter((state) => !isDecided(state));
  expect(rows.map(({ instance }) => instance)).toEqual(['not-reached', 'asks-nothing', ...open]);
});

// Planted faults: without the announcement the work of a slice waits for the next look; without `made` open work is announced.
it('the works of a slice are announced once it has committed, and none that was open already', async () => {
  const heard: AnnouncedWork[] = [];
  const end = listenForWork(database.db, { heard: (one) => heard.push(one) });
  await expect(askTogether({ call: 'no.worker' })).rejects.toMatchObject({ code: '23502' });
  await askTogether({ dueMs: 5 });
  await askTogether();
  end();
  expect(heard).toEqual([{ id, call: work.call, dueMs: 5 }]);
});

/** A worker with one free place, what it begins, and the number of places that came back. */
function nearWorker() {
  const begun: ClaimedWork[] = [];
  const heard: AnnouncedWork[] = [];
  const places = { left: 1 };
  const end = listenForWork(database.db, {
    heard: (one) => heard.push(one),
    reserve: () => {
      if (places.left === 0) return undefined;
      places.left -= 1;
      return {
        holder: 'near',
        leaseMs: 60_000,
        finalMs: 5_000,
        begin: (one) => begun.push(one),
        free: () => (places.left += 1),
      };
    },
  });
  return { begun, heard, places, end };
}
const call = { op: 'apply', events: '[{"id":"e-1"}]' } as const;

// Planted faults, each seen to fail here: the fence's events left out; another term than that of the row; no `final_at`.
it('a call of a slice is born claimed by a worker with a free place, which gets what a claim would give', async () => {
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, intent)
     values ('s', 'born', 'pay', 1, 'payments', 'k', 'started', 'e', '[{"id":"e-1"}]')`,
  );
  const { begun, heard, places, end } = nearWorker();
  await askTogether({ ...call, instance: 'born' });
  end();
  expect([begun.length, heard, places.left]).toEqual([1, [], 0]);
  expect(await row()).toMatchObject({ state: 'calling', term: begun[0]?.term });
  const { rows } = await database.executor.query<{ holder: string; lease: number; final: number }>(
    `select holder, round(extract(epoch from due_at - waits_since))::int as lease,
       round(extract(epoch from final_at - waits_since))::int as final from converge.saga_work`,
  );
  expect(rows).toEqual([{ holder: 'near', lease: 60, final: 5 }]);
  await set(`state = 'ready', holder = null, final_at = null, due_at = clock_timestamp()`);
  const wanted = { call: work.call, places: 1, leaseMs: 60_000, callMs: 5_000, settleMs: 0 };
  const [claimed] = await claimWork(database.executor, 'near', [wanted]);
  const atTheClaim = { term: begun[0]?.term, ageMs: 0, finalInMs: 5_000 };
  expect({ ...claimed, ...atTheClaim }).toEqual(begun[0]);
});

// Planted faults: without the callback of the rollback the place never comes back; without the look at pauses the call is
// sent under a pause; without `isLast` a call is begun whose row a savepoint may have taken back.
it.each([
  ['is rolled back', { call: 'no.worker' }, 0],
  ['finds the work there already', { input: '{"n":2}' }, 1],
  ['belongs to a paused saga', { saga: 'paused', id: id.replace(/1$/, '2') }, 2],
])('a place that was reserved comes back when the insert %s', async (_, some, rows) => {
  if (rows > 0) await askTogether({ op: 'apply' });
  await database.executor.query(`insert into converge.saga_pause (saga, instance, by, reason)
     values ('paused', '', 'me', 'test') on conflict do nothing`);
  const { begun, heard, places, end } = nearWorker();
  await askTogether({ ...call, ...some }).catch(() => undefined);
  end();
  expect([begun, places.left]).toEqual([[], 1]);
  expect(heard.map((one) => one.id)).toEqual(rows === 2 ? [id.replace(/1$/, '2')] : []);
  const { rows: kept } = await database.executor.query('select state from converge.saga_work');
  expect(kept).toEqual(Array.from({ length: rows }, () => ({ state: 'ready' })));
});

it.each([
  ['inside a savepoint that may be rolled back', { ...call }, false],
  ['for work that calls nothing', { op: 'deadline', outcome: { kind: 'succeeded', result: '' } }, true],
] as const)('no place is reserved %s', async (_, some, isLast) => {
  const { begun, places, end } = nearWorker();
  await kyselyTransaction(database.db, {}, async (tx) => {
    await insertWorks(tx, [{ ...work, ...some }], (error) => error, isLast);
    expect(places.left).toBe(1);
  });
  end();
  expect(begun).toEqual([]);
});

// Planted fault: a pause that does not wait says that nothing is in flight, and the call is sent after it.
it('a pause counts the call of a slice that was open when it came', async () => {
  await database.executor.query('delete from converge.saga_pause');
  const { begun, end } = nearWorker();
  const inserted = Promise.withResolvers<undefined>();
  const paused = Promise.withResolvers<undefined>();
  const slice = kyselyTransaction(database.db, {}, async (tx) => {
    await insertWorks(tx, [{ ...work, ...call }], (error) => error, true);
    await tx.selectNoFrom(sql.lit(1).as('one')).execute();
    inserted.resolve(undefined);
    await paused.promise;
  });
  await inserted.promise;
  const pausing = pauseSaga(database, { saga: 's' }, { by: 'me', reason: 'test' });
  const isThere = async (): Promise<boolean> =>
    (await database.executor.query(`select from converge.saga_pause where saga = 's'`)).rowCount > 0;
  let isAnswered = false;
  void pausing.then(() => (isAnswered = true));
  await waitUntil(isThere, { what: 'the pause' });
  // More round trips than a pause has that does not wait.
  for (let n = 0; n < 10; n += 1) await database.executor.query('select 1');
  expect(isAnswered).toBe(false);
  paused.resolve(undefined);
  await slice;
  end();
  expect([(await pausing)?.inFlight, begun.length]).toEqual([1, 1]);
  await database.executor.query('delete from converge.saga_pause');
});

// Planted fault: without the call in `kyselyTransaction` each failed slice costs a place for ever.
it('a place that was reserved comes back when what follows the insert fails', async () => {
  const { begun, places, end } = nearWorker();
  const failing = kyselyTransaction(database.db, {}, async (tx) => {
    await insertWorks(tx, [{ ...work, ...call }], (error) => error, true);
    expect(places.left).toBe(0);
    throw new RangeError('later');
  });
  await expect(failing).rejects.toThrow('later');
  end();
  expect([begun, places.left, await row()]).toEqual([[], 1, undefined]);
});

it('no place is reserved in a transaction that the kit did not begin', async () => {
  const { places, end } = nearWorker();
  await database.db
    .transaction()
    .execute((tx) => insertWorks(tx, [{ ...work, ...call }], (error) => error, true));
  end();
  expect([places.left, (await row()) as unknown]).toMatchObject([1, { state: 'ready' }]);
});
