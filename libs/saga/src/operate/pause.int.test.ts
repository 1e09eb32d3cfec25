import { claimWork } from '../calls/work/claim-sql.ts';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import {
  asked,
  cancelled,
  half,
  halfConsumers,
  type RoomDb,
  roomTables,
  Wrongs,
} from '../fixture/half-done-saga.ts';
import { SagaScene } from '../fixture/saga-scene.ts';
import { sagaObserver } from '../observe/observer.ts';
import { retryStep } from './act-on-step.ts';
import { findWaitingSteps } from './open-steps-sql.ts';
import { pauseSaga, resumeSaga } from './pause.ts';
import { knowsInstance, listSagasHere, readPause } from './pause-sql.ts';

const wrongs = new Wrongs();
const by = { by: 'alice', reason: 'the bank charges twice' };
const all = { saga: 'half' };
let scene: SagaScene<RoomDb>;
beforeAll(async () => {
  scene = await SagaScene.open<RoomDb>(inject('stack').databaseUrl, roomTables);
  const observer = sagaObserver<RoomDb>({ sagas: [half.declaration], from: 'first' });
  await scene.start([...halfConsumers(wrongs), observer]);
});
afterAll(() => scene.close());

/** The work that another worker could take now, as instances. */
async function claimable(...calls: readonly string[]): Promise<readonly string[]> {
  const times = { leaseMs: 1, callMs: 1, settleMs: 1 };
  const wanted = calls.map((call) => ({ ...times, call, places: 100, saga: call.split('.')[0] }));
  return (await claimWork(scene.database.executor, 'another', wanted)).map(({ key }) => key);
}

/** A charge that is under way until `answer` is called. */
async function charging(key: string): Promise<{ readonly instance: string; readonly answer: () => void }> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  wrongs.charging.set(key, promise.then());
  const instance = await scene.emit(asked({ key }));
  await waitUntil(() => wrongs.calls('charge', key) > 0, { what: `the charge of ${key}` });
  return { instance, answer: () => resolve(undefined) };
}

// Planted faults: a claim without the look at pauses calls; a pause that also holds the recording of outcomes never gets
// to `mail`.
it('G6m: a paused saga begins no call: the one in flight ends and is recorded, events and local steps go on, and a resume loses nothing', async () => {
  const flying = await charging('flying');
  const pause = await pauseSaga(scene.database, all, by);
  expect(pause).toMatchObject({ saga: 'half', instance: null, by: 'alice', held: 0, inFlight: 1 });
  expect(await pauseSaga(scene.database, all, by)).toBeUndefined();
  const later = await scene.emit(asked({ key: 'later' }));
  await scene.until(later, 'hold:applied pay:started');
  flying.answer();
  await scene.until(flying.instance, 'hold:applied mail:started pay:applied seat:applied');
  expect(await claimable('half.pay.apply', 'half.mail.apply')).toEqual([]);
  expect([wrongs.calls('charge', 'later'), wrongs.calls('mail', 'flying')]).toEqual([0, 0]);
  expect(await readPause(scene.database.executor, all)).toMatchObject({ held: 2, inFlight: 0 });
  await expect(retryStep(scene.database, { instance: later, step: 'pay' }, by)).rejects.toMatchObject({
    code: 'SAGA_PAUSED',
  });
  expect(await findWaitingSteps(scene.database.executor, [{ saga: 'half', instance: later }])).toEqual([]);
  expect(await resumeSaga(scene.database, all, by, { rate: 1_000 })).toEqual({ kind: 'resumed', work: 2 });
  await scene.until(flying.instance, 'hold:applied mail:applied pay:applied seat:applied');
  await scene.until(later, 'hold:applied mail:applied pay:applied seat:applied');
  expect([wrongs.calls('charge', 'flying'), wrongs.calls('charge', 'later')]).toEqual([1, 1]);
  expect(await resumeSaga(scene.database, all, by, { rate: 1 })).toEqual({ kind: 'not_paused' });
  expect(
    await scene.rows('select act, subject_id as subject, by, reason, after from converge.audit order by id'),
  ).toEqual([
    { act: 'saga pause', subject: 'half', by: 'alice', reason: by.reason, after: {} },
    {
      act: 'saga resume',
      subject: 'half',
      by: 'alice',
      reason: by.reason,
      after: { work: 2, rate: 1_000 },
    },
  ]);
});

it('a saga that is cancelled while it is paused is undone without the call that it never made', async () => {
  await pauseSaga(scene.database, all, by);
  const instance = await scene.emit(asked({ key: 'given-up' }));
  await scene.until(instance, 'hold:applied pay:started');
  await scene.emit(cancelled({ key: 'given-up' }));
  await scene.until(instance, 'hold:applied pay:undo_pending seat:tombstoned');
  await resumeSaga(scene.database, all, by, { rate: 1_000 });
  await waitUntil(async () => (await scene.fences(instance)).startsWith('hold:undone'), {
    what: 'the saga to be undone',
  });
  expect([wrongs.calls('charge', 'given-up'), wrongs.calls('refund', 'given-up')]).toEqual([0, 0]);
});

// Planted fault: a pause that ends before all work has its time lets all of it go at once when the command breaks off.
it('a resume makes waiting work due at its rate, the oldest first, and leaves the saga paused when it is stopped', async () => {
  const bulk = { saga: 'bulk' };
  await seedWork('bulk', 1_200);
  await pauseSaga(scene.database, bulk, by);
  const stop = new AbortController();
  const progress: string[] = [];
  const onProgress = (done: number, of: number): void => {
    progress.push(`${done} of ${of}`);
    stop.abort();
  };
  const stopped = await resumeSaga(scene.database, bulk, by, { rate: 0.01, signal: stop.signal, onProgress });
  expect([stopped, progress]).toEqual([{ kind: 'stopped', done: 500, total: 1_200 }, ['500 of 1200']]);
  expect(await readPause(scene.database.executor, bulk)).toMatchObject({ saga: 'bulk', held: 1_000 });
  expect(await resumeSaga(scene.database, bulk, by, { rate: 0.01 })).toEqual({
    kind: 'resumed',
    work: 1_200,
  });
  const order = await scene.rows<{ instance: string; due: boolean }>(
    `select instance, due_at <= clock_timestamp() and waits_since = due_at as due from converge.saga_work where saga = 'bulk'
      order by due_at`,
  );
  expect(order.map(({ instance }) => Number(instance))).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
  expect(order.filter(({ due }) => due).map(({ instance }) => instance)).toEqual(['0']);
});

/** Open work of a saga that no worker declares: one row for each instance, the oldest first. */
const seedWork = (saga: string, instances: number): Promise<unknown> =>
  scene.rows(
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, saga, instance, step, op,
       created_at)
     select gen_random_uuid(), 'c', 'h', $1 || '.pay.apply', 'k', 'i', '{}', '{}', $1, n::text, 'pay', 'apply',
            clock_timestamp() - interval '1 hour' + n * interval '1 second' from generate_series(0, $2::int - 1) n`,
    [saga, instances],
  );

/** The instances of a saga in the order in which they are due, each in seconds from now, rounded. */
const dueTimes = async (saga: string): Promise<readonly (readonly [string, number])[]> => {
  const rows = await scene.rows<{ instance: string; at: number }>(
    `select instance, round(extract(epoch from due_at - clock_timestamp()) / 100)::int * 100 as at
       from converge.saga_work where saga = $1 order by due_at`,
    [saga],
  );
  return rows.map(({ instance, at }) => [instance, at]);
};

// Planted faults: with the holder's row left out of the resume, it keeps its bound of an hour ago; with its holder left there, a second
// resume leaves it out.
it('a resume gives a time to work whose worker died, and leaves the work that a worker holds', async () => {
  const of = { saga: 'crashed' };
  await seedWork('crashed', 3);
  await scene.rows(
    `update converge.saga_work set state = 'calling', holder = 'gone', waits_since = created_at,
       due_at = clock_timestamp() + case instance when '1' then -1 else 1 end * interval '1 hour'
      where saga = 'crashed' and instance <> '0'`,
  );
  for (const apart of [10_000, 1_000]) {
    expect(await pauseSaga(scene.database, of, by)).toMatchObject({ held: 2, inFlight: 1 });
    expect(await resumeSaga(scene.database, of, by, { rate: 1 / apart })).toEqual({
      kind: 'resumed',
      work: 2,
    });
    const [one, two] = [['1', apart] as const, ['2', 3_600] as const];
    expect(await dueTimes('crashed')).toEqual([['0', 0], ...(apart < 3_600 ? [one, two] : [two, one])]);
  }
  const late = `select instance from converge.saga_work where saga = 'crashed' and waits_since < clock_timestamp() - interval '1 minute'`;
  expect(await scene.rows(late)).toEqual([{ instance: '2' }]);
});

// Planted fault: with the later of both times, a resume that was too slow can never be corrected.
it('a second pause and resume at another rate replaces the times of the first', async () => {
  const of = { saga: 'slow' };
  await seedWork('slow', 3);
  for (const [rate, apart] of [
    [0.000_1, 10_000],
    [0.01, 100],
  ] as const) {
    await pauseSaga(scene.database, of, by);
    await resumeSaga(scene.database, of, by, { rate });
    expect(await dueTimes('slow')).toEqual([0, 1, 2].map((n) => [`${n}`, n * apart]));
  }
});

// Planted fault: with the times written before the pause ends, those of the resume that came too late are kept.
it('of two resumes at once one gives the times, and the other changes nothing', async () => {
  const of = { saga: 'twice' };
  await seedWork('twice', 2);
  await pauseSaga(scene.database, of, by);
  const client = await scene.database.acquire();
  await client.query('begin');
  await client.query(`delete from converge.saga_pause where saga = 'twice'`);
  const later = resumeSaga(scene.database, of, by, { rate: 0.001 });
  const waits = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%act_saga_resume%'`;
  await waitUntil(async () => (await scene.rows(waits)).length > 0, { what: 'the second resume to wait' });
  await client.query('commit');
  client.release();
  expect(await later).toEqual({ kind: 'not_paused' });
  expect((await dueTimes('twice')).map(([, at]) => at)).toEqual([0, 0]);
});

// Planted fault: with all that any pause holds, a resume says that calls are due which the other pause still holds.
it('a resume leaves what the pause of the whole saga, or of one of its instances, still holds', async () => {
  const [of, one] = [{ saga: 'both' }, { saga: 'both', instance: '1' }];
  await seedWork('both', 3);
  for (const target of [of, one]) await pauseSaga(scene.database, target, by);
  expect(await resumeSaga(scene.database, one, by, { rate: 1 })).toEqual({ kind: 'resumed', work: 0 });
  await pauseSaga(scene.database, one, by);
  expect(await resumeSaga(scene.database, of, by, { rate: 1_000 })).toEqual({ kind: 'resumed', work: 2 });
  await waitUntil(async () => (await claimable('both.pay.apply')).length === 2, { what: 'both to be due' });
  const begun = `select instance from converge.saga_work where saga = 'both' and state = 'calling' order by instance`;
  expect(await scene.rows(begun)).toEqual([{ instance: '0' }, { instance: '2' }]);
  expect(await resumeSaga(scene.database, one, by, { rate: 1 })).toEqual({ kind: 'resumed', work: 1 });
});

// Planted fault: without the look at pauses no command finds the saga, so its pause is shown as an alarm for good.
it('a pause that outlives its saga, which ended and was removed, is still known, and can be resumed', async () => {
  const target = { saga: 'removed', instance: 'i' };
  await pauseSaga(scene.database, target, by);
  const known = async () => [
    (await listSagasHere(scene.database.executor)).includes('removed'),
    await knowsInstance(scene.database.executor, 'removed', 'i'),
  ];
  expect(await known()).toEqual([true, true]);
  await resumeSaga(scene.database, target, by, { rate: 1 });
  expect(await known()).toEqual([false, false]);
});
