import { claimWork } from '../../../effects/src/work/claim-sql.ts';
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
import { pauseSaga, resumeSaga } from './pause.ts';
import { readPause, readPauses } from './pause-sql.ts';

const wrongs = new Wrongs();
const by = { actor: 'alice', note: 'the bank charges twice' };
const all = { saga: 'half' };
let scene: SagaScene<RoomDb>;
beforeAll(async () => {
  scene = await SagaScene.open<RoomDb>(inject('stack').databaseUrl, roomTables);
  const observer = sagaObserver<RoomDb>({ sagas: [half.declaration], from: 'beginning' });
  await scene.start([...halfConsumers(wrongs), observer]);
});
afterAll(() => scene.close());

const called = (what: 'charge' | 'refund' | 'mail', key: string): Promise<unknown> =>
  waitUntil(() => Promise.resolve(wrongs.calls(what, key) > 0), { what: `${what} of ${key}` });

/** The work that another worker could take now, as instances. */
async function claimable(...effects: readonly string[]): Promise<readonly string[]> {
  const wanted = effects.map((effect) => ({
    ...{ effect, places: 100, leaseMs: 1, callMs: 1, settleMs: 1, saga: 'half' },
  }));
  return (await claimWork(scene.database.executor, 'another', wanted)).map(({ key }) => key);
}

/** A charge that is under way until `answer` is called. */
async function charging(key: string): Promise<{ readonly instance: string; readonly answer: () => void }> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  wrongs.charging.set(key, promise.then());
  const instance = await scene.emit(asked({ key }));
  await called('charge', key);
  return { instance, answer: () => resolve(undefined) };
}

// Planted faults: a claim without the look at pauses calls; a pause that also holds the recording of outcomes never gets
// to `mail`.
it('a paused saga begins no call: the one in flight ends and is recorded, events and local steps go on, and a resume loses nothing', async () => {
  const flying = await charging('flying');
  const pause = await pauseSaga(scene.database, all, by);
  expect(pause).toMatchObject({ ...{ saga: 'half', instance: null, by: 'alice' }, held: 0, inFlight: 1 });
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
  expect(await resumeSaga(scene.database, all, by, { rate: 1_000 })).toEqual({ kind: 'resumed', work: 2 });
  await scene.until(flying.instance, 'hold:applied mail:applied pay:applied seat:applied');
  await scene.until(later, 'hold:applied mail:applied pay:applied seat:applied');
  expect([wrongs.calls('charge', 'flying'), wrongs.calls('charge', 'later')]).toEqual([1, 1]);
  expect(await resumeSaga(scene.database, all, by, { rate: 1 })).toEqual({ kind: 'not_paused' });
  expect(
    await scene.rows('select action, subject, by, reason, detail from converge.operator_audit order by id'),
  ).toEqual([
    { action: 'saga pause', subject: 'half', by: 'alice', reason: by.note, detail: {} },
    {
      action: 'saga resume',
      subject: 'half',
      by: 'alice',
      reason: by.note,
      detail: { work: 2, rate: 1_000 },
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

it('a pause of one instance holds its undo, and the other instances of the saga go on', async () => {
  const { instance, answer } = await charging('one');
  const target = { saga: 'half', instance };
  expect(await pauseSaga(scene.database, target, by)).toMatchObject({ instance, inFlight: 1 });
  await scene.emit(cancelled({ key: 'one' }));
  await scene.until(instance, 'hold:applied pay:undo_pending seat:tombstoned');
  answer();
  const undo = `select from converge.saga_work where instance = $1 and op = 'compensate'`;
  await waitUntil(async () => (await scene.rows(undo, [instance])).length > 0, { what: 'its undo' });
  const other = await scene.emit(asked({ key: 'other' }));
  await scene.until(other, 'hold:applied mail:applied pay:applied seat:applied');
  expect(await claimable('half.pay.compensate')).toEqual([]);
  expect(wrongs.calls('refund', 'one')).toBe(0);
  expect(await readPauses(scene.database.executor)).toMatchObject([{ instance, held: 1, inFlight: 0 }]);
  await resumeSaga(scene.database, target, by, { rate: 1_000 });
  await called('refund', 'one');
  await scene.until(instance, 'hold:undone pay:undone seat:tombstoned');
});

// Planted fault: a pause that ends before all work has its time lets all of it go at once when the command breaks off.
it('a resume makes waiting work due at its rate, the oldest first, and leaves the saga paused when it is stopped', async () => {
  const bulk = { saga: 'bulk' };
  await scene.rows(
    `insert into converge.saga_work (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op,
       created_at)
     select gen_random_uuid(), 'c', 'h', 'bulk.pay.apply', 'k', 'i', '{}', '{}', 'bulk', n::text, 'pay', 'apply',
            clock_timestamp() - interval '1 hour' + n * interval '1 second' from generate_series(0, 1199) n`,
  );
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
