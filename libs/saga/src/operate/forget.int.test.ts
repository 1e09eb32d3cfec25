/**
 * Planted faults, each seen to fail here: what a service holds is not asked for; the fence is not looked at again when it was
 * locked; the journal goes although its fence stays; a run ends the paging when it is held.
 */
import { waitUntil } from '@converge/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { Moods, order, orderConsumers, type OrderDb, placed } from '../fixture/order-saga.ts';
import { SagaScene } from '../fixture/saga-scene.ts';
import { sagaObserver } from '../observe/observer.ts';
import { forgetSagas } from './forget-sagas.ts';
import { forgetSteps } from './forget-sql.ts';

const DAY_MS = 86_400_000;
const tables =
  'create table done (line bigint generated always as identity, step text not null, order_id text not null, what text not null, why text not null)';
const moods = new Moods();
let scene: SagaScene<OrderDb>;
let count = 0;

beforeAll(async () => {
  scene = await SagaScene.open<OrderDb>(inject('stack').databaseUrl, tables);
  await scene.start([
    ...orderConsumers(moods),
    sagaObserver<OrderDb>({ sagas: [order.declaration], from: 'beginning' }),
  ]);
});
afterAll(() => scene.close());

/** A saga that ended, as the observer has it too, so many days ago. */
async function ended(daysAgo: number, state: 'completed' | 'compensated' = 'completed'): Promise<string> {
  const id = `f${(count += 1)}`;
  if (state === 'compensated') moods.set('pay', id, 'reject');
  const instance = await scene.emit(placed({ order: id }));
  // All of it: what the observer reads later would put the end back to where it was.
  const seen = async () =>
    (
      await scene.rows(
        `select from converge.saga_instance where instance = $1 and state = $2 and started_at is not null
            and (select count(*) from jsonb_object_keys(facts::jsonb -> 'steps')) = $3`,
        [instance, state, state === 'completed' ? 4 : 2],
      )
    ).length === 1;
  await waitUntil(seen, { what: `${id} to be seen ${state}` });
  // The pivot's service hears of the end, and closes its step.
  if (state === 'compensated') await scene.until(instance, 'pay:rejected reserve:undone ship:tombstoned');
  const ago = [instance, daysAgo];
  await scene.rows(
    `update converge.saga_instance set ended_at = ended_at - $2 * interval '1 day' where instance = $1`,
    ago,
  );
  await scene.rows(
    `update converge.saga_fence set changed_at = changed_at - $2 * interval '1 day' where instance = $1`,
    ago,
  );
  return instance;
}

/** What is left of a saga: rows of the observer, of fences, and of journals. */
async function left(instance: string): Promise<readonly number[]> {
  const tablesOf = ['saga_instance', 'saga_fence', 'saga_step', 'saga_start'];
  const counts: number[] = [];
  for (const table of tablesOf)
    counts.push((await scene.rows(`select from converge.${table} where instance = $1`, [instance])).length);
  return counts;
}

const forget = (dryRun = false) => {
  const { executor } = scene.database;
  return forgetSagas({ observer: executor, services: [executor], olderThanMs: 90 * DAY_MS, dryRun });
};

it('takes out what ended long ago, with its journals, and nothing else', async () => {
  const [old, undone, young] = [await ended(100), await ended(100, 'compensated'), await ended(80)];
  const whole = await left(young);
  expect(await forget(true)).toEqual({ sagas: 2, steps: 0, held: 0 });
  expect(await left(old)).toEqual(whole);
  expect(await forget()).toEqual({ sagas: 2, steps: 7, held: 0 });
  expect([await left(old), await left(undone), await left(young)]).toEqual([
    [0, 0, 0, 0],
    [0, 0, 0, 0],
    whole,
  ]);
  expect(await forget()).toEqual({ sagas: 0, steps: 0, held: 0 });
});

it.each([
  ['is stuck', `update converge.saga_fence set state = 'stuck' where instance = $1 and step = 'confirm'`],
  [
    'has work to do',
    `insert into converge.saga_work
       (id, consumer, handler, effect, key, idempotency_key, input, cause, saga, instance, step, op, due_at)
     values (gen_random_uuid(), 'payments', 'h', 'e', 'k', 'k', '{}', '{}', 'test.order', $1, 'pay', 'apply', 'infinity')`,
  ],
  [
    'moved lately',
    `update converge.saga_fence set changed_at = clock_timestamp() where instance = $1 and step = 'pay'`,
  ],
])('a saga of which a step %s stays whole, and those behind it go', async (_, change) => {
  const [held, behind] = [await ended(200), await ended(150)];
  await scene.rows(change, [held]);
  const whole = await left(held);
  expect(await forget()).toMatchObject({ sagas: 1, held: 1 });
  expect([await left(held), await left(behind)]).toEqual([whole, [0, 0, 0, 0]]);
  await scene.rows(`delete from converge.saga_instance where instance = $1`, [held]);
});

it('a fence that moves while it is being forgotten stays, with its journal', async () => {
  const instance = await ended(100);
  const mover = await scene.database.acquire();
  await mover.query('begin');
  await mover.query(
    `update converge.saga_fence set changed_at = clock_timestamp() where instance = $1 and step = 'pay'`,
    [instance],
  );
  const forgetting = forgetSteps(
    scene.database.executor,
    [{ saga: order.declaration.name, instance }],
    90 * DAY_MS,
  );
  const waits = `select from pg_locks where not granted and pid <> pg_backend_pid()`;
  await waitUntil(async () => (await scene.rows(waits)).length > 0, { what: 'the two to meet' });
  await mover.query('commit');
  mover.release();
  expect(await forgetting).toBe(3);
  expect(await scene.fences(instance)).toBe('pay:applied');
  const journal = await scene.rows('select from converge.saga_step where instance = $1', [instance]);
  expect(journal).toHaveLength(2);
});
