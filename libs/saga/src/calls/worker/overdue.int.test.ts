import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { hurried, type SceneDb, sceneDatabase, sceneCalls } from '../../fixture/calls/scene.ts';
import type { WorkOp } from '../work/step-key.ts';
import { WORK_STATES } from '../work/work.ts';
import { readOverdueJournal } from '../operate/waits-sql.ts';
import { resolveOptions } from './options.ts';
import { alertOverdue } from './overdue.ts';
import { sagaWorker } from '../../saga-worker.ts';

interface Alarm {
  readonly alarm?: string;
  readonly key?: string;
  readonly at?: string;
  readonly stack?: string;
  readonly count?: number;
}
const alarms: Alarm[] = [];
const log = {
  ...Object.fromEntries(['trace', 'debug', 'info', 'warn', 'fatal'].map((level) => [level, () => undefined])),
  error: (fields: Alarm) => void alarms.push(fields),
} as never;
let database: Database<SceneDb>;
const calls = Object.values(sceneCalls('http://127.0.0.1:1'));

beforeAll(async () => {
  ({ database } = await sceneDatabase(inject('stack').databaseUrl));
});
afterAll(() => database.close());
beforeEach(() => alarms.splice(0));

/** Work that could have been done an hour ago, and is not due for another one. */
async function waiting(key: string, state: string, op?: WorkOp, story = '[]'): Promise<void> {
  const of = op === undefined ? [null, null, null, null] : ['test', key, 'step', op];
  await database.executor.query(
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, state, stuck_reason,
       outcome, due_at, waits_since, ended_at, story, saga, instance, step, op)
     values (gen_random_uuid(), 'orders', 'h', 'test.keyed', $1, $1, '{"key":"k"}', '{}', $2,
       case $2 when 'stuck' then 'outcome_unknown' end, case when $2 in ('answered', 'done', 'failed') then '{}' end,
       clock_timestamp() + interval '1 hour', clock_timestamp() - interval '1 hour',
       case when $2 in ('done', 'failed') then clock_timestamp() end, $3, $4, $5, $6, $7)`,
    [key, state, story, ...of],
  );
}

const look = (): Promise<number> => alertOverdue(resolveOptions(calls, { database, log }));

// Planted fault: an index predicate, or a state in `markOverdue`, that leaves one of the states out.
it('G6c: work that waits for longer than its bound alerts an operator once, in every state', async () => {
  for (const state of WORK_STATES) await waiting(`s-${state}`, state);
  const open = WORK_STATES.filter((state) => !['done', 'failed', 'stuck'].includes(state));
  expect([await look(), await look()]).toEqual([open.length, 0]);
  expect(alarms.map(({ alarm, key, at }) => [alarm, key, at]).toSorted()).toEqual([
    ['call_late', 's-answered', 'settlement'],
    ['call_late', 's-calling', 'start'],
    ['call_late', 's-ready', 'start'],
    ['call_late', 's-unknown', 'query'],
  ]);
});

// Planted fault: one page a round leaves most of an outage's work unsaid for hours.
it('after an outage all overdue work is marked in one round, however much there is', async () => {
  await database.executor.query(
    `insert into converge.saga_work (id, consumer, handler, call, key, idempotency_key, input, cause, waits_since)
     select gen_random_uuid(), 'orders', 'h', 'test.keyed', 'm', 'm', '{"key":"k"}', '{}', clock_timestamp() - interval '1 hour'
       from generate_series(1, 250)`,
  );
  expect(await look()).toBe(250);
  await database.executor.query(`delete from converge.saga_work where key = 'm'`);
});

/** The type makes the table complete: a new kind of work does not compile without an alarm here. */
const ALARMS: Readonly<Record<WorkOp | 'call', string>> = {
  apply: 'step_stuck',
  resolve: 'step_stuck',
  compensate: 'compensation_stuck',
  cancel: 'timer_late',
  deadline: 'timer_late',
  expire: 'timer_late',
  call: 'call_late',
};

it.each(Object.entries(ALARMS))(
  'overdue work of kind %s raises the alarm of its kind',
  async (kind, alarm) => {
    await waiting(`k-${kind}`, 'answered', kind === 'call' ? undefined : (kind as WorkOp));
    expect(await look()).toBe(1);
    expect(alarms.map((one) => [one.alarm, one.key])).toEqual([[alarm, `k-${kind}`]]);
  },
);

// Planted fault: without the look at pauses every call that a pause holds alerts an operator, who knows it.
it('G6m: work that a pause of its saga holds is not overdue, and its timers are', async () => {
  for (const op of ['apply', 'compensate', 'resolve', 'deadline'] as const)
    await waiting(`p-${op}`, 'ready', op);
  const pause = `insert into converge.saga_pause (saga, by, reason) values ('test', 'alice', 'looking')`;
  await database.executor.query(pause);
  const late = () => readOverdueJournal(database.executor, { afterMs: 0, limit: 1_000 });
  const keys = async () => (await late()).flatMap(({ key }) => (key?.startsWith('p-') === true ? [key] : []));
  expect([await look(), alarms.map(({ key }) => key), await keys()]).toEqual([
    1,
    ['p-deadline'],
    ['p-deadline'],
  ]);
  await database.executor.query('delete from converge.saga_pause');
  expect([await look(), await keys()]).toEqual([3, ['p-resolve', 'p-deadline']]);
});

// Planted fault: without the check a saga that is never resumed waits for ever, and nothing is raised.
it('a pause that lasts longer than its bound raises an alarm once, and so does the next one of the same saga', async () => {
  const pause = (instance: string, minutes: number): Promise<unknown> =>
    database.executor.query(
      `insert into converge.saga_pause (saga, instance, by, reason, paused_at)
       values ('trip', $1, 'alice', 'looking', clock_timestamp() - $2::float8 * interval '1 minute')
       on conflict (saga, instance) do update set paused_at = excluded.paused_at`,
      [instance, minutes],
    );
  const raised = () => alarms.filter(({ alarm }) => alarm === 'saga_paused');
  await pause('short', 1);
  await pause('long', 16);
  const worker = sagaWorker<SceneDb>(calls, { ...hurried, database, log });
  await worker.start();
  await waitUntil(() => raised().length === 1, { what: 'the alarm' });
  await pause('long', 17);
  await waitUntil(() => raised().length === 2, { what: 'the alarm of the later pause' }).finally(() =>
    worker.stop(),
  );
  expect(raised()).toMatchObject(
    [1, 2].map(() => ({ saga: 'trip', instance: 'long', by: 'alice', reason: 'looking' })),
  );
  await database.executor.query('delete from converge.saga_pause');
});

// Planted fault: without the look at its work a step that was paused for an hour is overdue as soon as it is resumed.
it('a step is overdue when its call has been due for longer than the bound, not when it was made due again', async () => {
  await waiting('r-step', 'ready', 'apply');
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event, changed_at)
     values ('test', 'r-step', 'step', 1, 'orders', 'r-step', 'started', 'e', clock_timestamp() - interval '1 hour')`,
  );
  const late = async () => {
    const found = await readOverdueJournal(database.executor, { afterMs: 1_800_000, limit: 1_000 });
    return found.flatMap(({ kind, key }) => (key === 'r-step' ? [kind] : []));
  };
  expect(await late()).toEqual(['step']);
  await database.executor.query(
    `update converge.saga_work set waits_since = clock_timestamp() where key = 'r-step'`,
  );
  expect(await late()).toEqual([]);
});

it('work that failed is overdue after `stuckAfterMs`, and work that no worker began after `undeclaredMs`', async () => {
  const failure = { category: 'service', certainty: 'not_applied', code: 'BUSY', message: 'not now' };
  const story = JSON.stringify([{ at: new Date().toISOString(), op: 'call', durationMs: 1, failure }]);
  await waiting('b-idle', 'ready');
  await waiting('b-failing', 'ready', undefined, story);
  const hours = (idle: number, failing: number): Promise<number> => {
    const bounds = { undeclaredMs: idle * 3_600_000, stuckAfterMs: failing * 3_600_000 };
    return alertOverdue(resolveOptions(calls, { database, log, ...bounds }));
  };
  expect([await hours(2, 2), await hours(2, 0.5), await hours(0.5, 2)]).toEqual([0, 1, 1]);
  expect(alarms.map(({ key, at }) => [key, at])).toEqual([
    ['b-failing', 'call'],
    ['b-idle', 'start'],
  ]);
});

// Planted fault: without the catch the second one is never marked, and old work is never forgotten.
it('work whose `late` hook throws is logged, and the work behind it is still marked', async () => {
  await waiting('f-first', 'ready');
  await database.executor.query(
    `update converge.saga_work set waits_since = waits_since - interval '1 minute' where key = 'f-first'`,
  );
  await waiting('f-second', 'ready');
  const [keyed, ...others] = calls;
  const late = (): Promise<boolean> =>
    alarms.length === 0 ? Promise.reject(new Error('the hook broke')) : Promise.resolve(true);
  const breaking = resolveOptions([{ ...keyed!, late }, ...others], { database, log });
  expect([await alertOverdue(breaking), await alertOverdue(breaking)]).toEqual([1, 1]);
  expect(alarms.map(({ key }) => key)).toEqual([undefined, 'f-second', 'f-first']);
});

// Planted fault: without the count a workflow whose process died waits for a worker that the service does not run.
it('a workflow that is due and is not continued by any worker raises an alarm', async () => {
  await database.executor.query(
    `insert into converge.workflow (workflow, id, input, due_at) values ('lonely', '1', '{}', clock_timestamp() - interval '1 hour')`,
  );
  const worker = sagaWorker<SceneDb>(calls, { ...hurried, database, log });
  await worker.start();
  const raised = () => alarms.find(({ alarm }) => alarm === 'workflow_overdue');
  await waitUntil(() => Promise.resolve(raised()), { what: 'the alarm' }).finally(() => worker.stop());
  expect(raised()).toMatchObject({ workflow: 'lonely', count: 1 });
});
