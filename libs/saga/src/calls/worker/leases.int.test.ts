import { waitUntil } from '@convergekit/testing';
import { timePasses } from '../../../../testing/src/fixture/any-table.ts';
import { expect, it } from 'vitest';
import { database, calls, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import { ended, hurried, outcomes, request, type SceneDb, workRows } from '../../fixture/calls/scene.ts';
import { actOnWork } from '../operate/work-sql.ts';
import { claimWork, renewLeases } from '../work/claim-sql.ts';
import { pauseSaga, resumeSaga } from '../../operate/pause.ts';
import { sagaWorker } from '../../saga-worker.ts';

sceneForEach();

async function row(): Promise<{ readonly due: string; readonly term: string }> {
  const sql = 'select due_at::text as due, term from converge.saga_work';
  return (await database.executor.query<{ due: string; term: string }>(sql)).rows[0]!;
}
const dueAt = async (): Promise<string> => (await row()).due;

function claim(leaseMs: number, held: readonly string[] = []) {
  const wanted = [{ call: 'test.keyed', places: 1, leaseMs, callMs: 60_000, settleMs: 0 }];
  return claimWork(database.executor, 'w', wanted, held);
}

// Planted fault: without the loop that renews, the lease ends where it ended at the claim.
it('a worker renews the lease of a call for as long as the call runs, and records its outcome', async () => {
  await request(database, calls.keyed, ['a']);
  const answer = Promise.withResolvers<string>();
  const revive: typeof calls.keyed.revive = (kept) => ({
    ...calls.keyed.revive(kept),
    call: () => answer.promise,
  });
  const worker = sagaWorker<SceneDb>([{ ...calls.keyed, revive }], {
    ...hurried,
    database,
    leaseMs: 3_000,
  });
  await worker.start();
  await waitUntil(async () => (await workRows(database))[0]?.state === 'calling', { what: 'the call' });
  const claimed = await dueAt();
  const { term } = await row();
  await waitUntil(async () => (await dueAt()) > claimed, { what: 'a renewal' });
  const renewed = await dueAt();
  await waitUntil(async () => (await dueAt()) > renewed, { what: 'another one' });
  expect((await row()).term).toBe(term);
  answer.resolve('{"receipt":"r-a"}');
  expect(await ended(database)).toMatchObject([{ state: 'done', attempts: 0 }]);
  expect(await outcomes(database)).toEqual(['a r-a']);
  await worker.stop();
});

// Planted fault: without the term in `renewSql` the first one takes the row away from the second.
it('a worker renews no lease that another worker has taken', async () => {
  await request(database, calls.keyed, ['a']);
  const [first] = await claim(0);
  const [second] = await claim(60_000);
  const before = await dueAt();
  expect(await renewLeases(database.executor, [first!], 600_000)).toEqual([]);
  expect(await dueAt()).toBe(before);
  expect(await renewLeases(database.executor, [second!], 600_000)).toEqual([second!.id]);
  expect((await dueAt()) > before).toBe(true);
});

// Planted fault: work is taken for held as long as it names a holder. Where its saga is paused, or no process declares the call, no
// worker takes it from one that died, and an operator is refused for ever.
it('an operator states the outcome of a call whose worker died, and has it asked again', async () => {
  await request(database, calls.keyed, ['a']);
  const by = { by: 'alice', reason: 'their records say so' };
  const [held] = await claim(60_000);
  const act = (...outcome: Parameters<typeof actOnWork>[3][]) =>
    actOnWork(database.executor, held!.id, by, ...outcome);
  await expect(act()).rejects.toMatchObject({ code: 'WORK_NOT_RESOLVABLE' });
  await timePasses(database.executor);
  await act();
  expect(await workRows(database)).toMatchObject([{ state: 'calling' }]);
  expect(await renewLeases(database.executor, [held!], 60_000)).toEqual([]);
  await claim(0);
  await act({ kind: 'succeeded', result: '{"receipt":"r-1"}' });
  const worker = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database });
  await worker.start();
  expect(await ended(database)).toMatchObject([{ state: 'done', attempts: 0 }]);
  await worker.stop();
  expect(await outcomes(database)).toEqual(['a r-1']);
});

// Planted fault: without the list a worker whose leases could not be renewed for a while repeats its own calls.
it('a worker does not take a row that it has at hand, although its lease has ended', async () => {
  await request(database, calls.keyed, ['a']);
  const [first] = await claim(0);
  expect(await claim(0, [first!.id])).toEqual([]);
  expect(await claim(0)).toHaveLength(1);
});

it('"not found" is final by the time of the call, however short the lease is', async () => {
  await request(database, calls.keyed, ['a']);
  await claim(0);
  const [again] = await claim(0);
  expect(again).toMatchObject({ found: 'calling', doubt: true });
  expect(again!.finalInMs).toBeGreaterThan(30_000);
});

// Planted fault: work that is due by its time alone. It waits for as long as the clock went back.
it('a dead worker’s call, and one that was never begun, are made although the clock of the database was set back', async () => {
  await request(database, calls.keyed, ['dead', 'new']);
  const [dead] = await claim(5_000);
  await timePasses(database.executor, '-2 hours');
  const worker = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database, leaseMs: 200 });
  await worker.start();
  expect(await ended(database)).toMatchObject([{ state: 'done' }, { state: 'done' }]);
  await worker.stop();
  expect(await renewLeases(database.executor, [dead!], 60_000)).toEqual([]);
});

// Planted faults: work that is due at once although it is held, and "not found" that is not final until the clock has caught up.
it('G6a: a call that is under way while the clock of the database is set back keeps a lease, and is made once', async () => {
  await request(database, calls.keyed, ['a']);
  const [mine] = await claim(5_000);
  await timePasses(database.executor, '-2 hours');
  const worker = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database, leaseMs: 3_600_000 });
  await worker.start();
  const soon = `due_at > clock_timestamp() and greatest(due_at, final_at) <= clock_timestamp() + interval '1 hour'`;
  const isShorter = async () =>
    (await database.executor.query(`select from converge.saga_work where ${soon}`)).rowCount === 1;
  await waitUntil(isShorter, { what: 'the shorter lease' });
  expect(await renewLeases(database.executor, [mine!], 3_600_000)).toEqual([mine!.id]);
  await worker.stop();
  expect(await workRows(database)).toMatchObject([{ state: 'calling', attempts: 0 }]);
});

// Planted faults: a timer, and a wait of the schedule, that are taken for work of before the clock was set back; the schedule of
// another call; a call of unknown outcome that is left to its time.
const long = 7_200_000;
const hours = { baseMs: long, factor: 1, capMs: long };
it.each<[string, (of: typeof calls.keyed) => typeof calls.keyed]>([
  ['schedule', (of) => ({ ...of, schedule: { ...of.schedule, slow: hours } })],
  ['time to settle', (of) => ({ ...of, settleMs: long })],
])('work keeps a time that its %s allows, and so does a timer; no other work does', async (_, slowed) => {
  const slow = slowed(calls.keyed);
  const timer = { ...calls.blind, saga: { name: 'slow', keepMs: 1_000_000, isTimer: true } };
  await request(database, slow, ['waits', 'unknown']);
  await request(database, calls.plain, ['of before']);
  await request(database, timer, ['timer']);
  await database.executor.query(`update converge.saga_work set due_at = due_at + interval '1 hour'`);
  await database.executor.query(
    `update converge.saga_work set state = 'unknown', due_at = due_at + interval '2 hours' where key = 'unknown'`,
  );
  const worker = sagaWorker<SceneDb>([slow, calls.plain, timer], { ...hurried, database });
  await worker.start();
  await waitUntil(async () => (await outcomes(database)).length === 2, { what: 'two calls' });
  await worker.stop();
  const later = `due_at > clock_timestamp() + interval '50 minutes'`;
  const { rows } = await database.executor.query(
    `select key, state from converge.saga_work where ${later} order by key`,
  );
  expect(rows).toEqual(['timer', 'waits'].map((key) => ({ key, state: 'ready' })));
});

// Planted fault: work that is due late is taken for work of before the clock was set back, whatever made it late. The rate of a
// resume ends after ten minutes, and the other side gets the rest at once.
it('work that a resume has due in hours keeps its time', async () => {
  await request(database, calls.keyed, ['first', 'later', 'of before']);
  const ofSaga = `saga = 'slow', instance = key, step = 'pay', op = 'apply'`;
  await database.executor.query(`update converge.saga_work set ${ofSaga} where key <> 'of before'`);
  const by = { by: 'alice', reason: 'their outage' };
  await pauseSaga(database, { saga: 'slow' }, by);
  await resumeSaga(database, { saga: 'slow' }, by, { rate: 1 / 7_200 });
  await database.executor.query(
    `update converge.saga_work set due_at = due_at + interval '2 hours' where key = 'of before'`,
  );
  const worker = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database });
  await worker.start();
  const isDone = async () => (await outcomes(database)).includes('of before r-of before');
  await waitUntil(isDone, { what: 'the call of before' });
  await worker.stop();
  const { rows } = await database.executor.query(
    `select key, state, due_at > clock_timestamp() + interval '1 hour' as later from converge.saga_work where state = 'ready'`,
  );
  expect(rows).toEqual([{ key: 'later', state: 'ready', later: true }]);
});

// Planted fault: a resume that sets the time of all that was held. A call that waits for its next attempt is made before that.
it('a call that waits for a later attempt keeps its time when its saga is resumed', async () => {
  await request(database, calls.keyed, ['again']);
  await database.executor.query(
    `update converge.saga_work set saga = 'slow', instance = key, step = 'pay', op = 'apply', due_at = due_at + interval '5 minutes'`,
  );
  const by = { by: 'alice', reason: 'their outage' };
  await pauseSaga(database, { saga: 'slow' }, by);
  expect(await resumeSaga(database, { saga: 'slow' }, by, { rate: 1_000 })).toMatchObject({ work: 1 });
  const later = `due_at > clock_timestamp() + interval '4 minutes'`;
  const { rows } = await database.executor.query(`select key from converge.saga_work where ${later}`);
  expect(rows).toEqual([{ key: 'again' }]);
});
