import { ConvergeError } from '@convergekit/core';
import type { DomainEvent } from '@convergekit/contracts';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import {
  asked,
  cancelled,
  half,
  halfConsumers,
  mailed,
  refunded,
  type RoomDb,
  roomTables,
  taken,
  Wrongs,
} from '../fixture/half-done-saga.ts';
import { SagaScene } from '../fixture/saga-scene.ts';
import { sagaObserver } from '../observe/observer.ts';
import { readInstance } from '../observe/instance-sql.ts';
import { resolveStep, retryStep } from '../operate/act-on-step.ts';
import type { StatedOutcome } from '../operate/stated-outcome.ts';

interface Alarm {
  readonly alarm?: string;
  readonly key?: string;
}
const alarms: Alarm[] = [];
const log = {
  ...Object.fromEntries(['trace', 'debug', 'info', 'warn', 'fatal'].map((level) => [level, () => undefined])),
  error: (fields: Alarm) => void alarms.push(fields),
};
const wrongs = new Wrongs();
const by = { by: 'alice', reason: 'looked' };
let scene: SagaScene<RoomDb>;
beforeAll(async () => {
  scene = await SagaScene.open<RoomDb>(inject('stack').databaseUrl, roomTables);
  const observer = sagaObserver<RoomDb>({ sagas: [half.declaration], from: 'first' });
  await scene.start([...halfConsumers(wrongs), observer], { log: log as never, tidyMs: 50 });
});
afterAll(() => scene.close());

async function eventually(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  await waitUntil(async () => holds(), { what });
}

/** Ages the run's work by an hour. */
async function hourPasses(instance: string): Promise<void> {
  await scene.rows(
    `update converge.saga_work set waits_since = waits_since - interval '1 hour' where instance = $1 and op not in ('deadline', 'expire')`,
    [instance],
  );
}

async function observed(instance: string): Promise<string> {
  const { state, reason } = (await readInstance(scene.database.executor, instance))!;
  return `${state}: ${reason ?? ''}`;
}

/** The step is shown as stuck: by the observer, and once by an alarm. */
async function isStuck(instance: string, key: string, alarm: string, text: string): Promise<void> {
  await eventually(async () => (await observed(instance)).includes(text), `the observer to say ${text}`);
  // The worker logs behind the commit that the observer reads.
  const given = () => alarms.filter((one) => one.alarm === alarm && one.key === key);
  await eventually(() => given().length > 0, `the alarm ${alarm}`);
  expect(given()).toHaveLength(1);
}

const known = { sagas: [half.declaration] };

function outcomeOf({ type, version, payload }: DomainEvent): StatedOutcome {
  return { kind: 'fact', type, version, payload };
}

/** An operator's act, as soon as no worker has the work in its hands. */
async function act(run: () => Promise<unknown>): Promise<void> {
  await eventually(
    () =>
      run().then(
        () => true,
        (error: unknown) => {
          if (!(error instanceof ConvergeError) || error.code !== 'WORK_NOT_RESOLVABLE') throw error;
          return false;
        },
      ),
    'the work to be in no worker’s hands',
  );
}

const DONE = 'hold:applied mail:applied pay:applied seat:applied';
const BACK = 'hold:undone pay:undone seat:tombstoned';

describe('a call behind the pivot that the other side refuses', () => {
  // Planted fault: without `late` on the call of a step nothing of this is said, and the saga is `running` for ever.
  it('G6c, S28: a call behind the pivot that is refused is stuck after its bound, and ends when the other side accepts', async () => {
    wrongs.set('mail', 'm1');
    const instance = await scene.emit(asked({ key: 'm1' }));
    await eventually(() => wrongs.calls('mail', 'm1') > 2, 'the refusals');
    expect(await scene.fences(instance)).toBe(DONE.replace('mail:applied', 'mail:started'));
    await hourPasses(instance);
    await isStuck(instance, 'm1', 'step_stuck', 'mail waits for an operator: call_failing (account closed)');
    expect(await scene.fences(instance)).toBe(DONE.replace('mail:applied', 'mail:stuck'));
    wrongs.fix('mail', 'm1');
    await scene.until(instance, DONE);
    await eventually(async () => (await observed(instance)).startsWith('completed'), 'its end');
  });

  it('a call behind the pivot that is refused ends by the outcome that an operator states', async () => {
    wrongs.set('mail', 'm2');
    const instance = await scene.emit(asked({ key: 'm2' }));
    await eventually(() => wrongs.calls('mail', 'm2') > 2, 'the refusals');
    await hourPasses(instance);
    await isStuck(instance, 'm2', 'step_stuck', 'call_failing');
    const { database } = scene;
    await act(() =>
      resolveStep(database, { instance, step: 'mail' }, outcomeOf(mailed({ key: 'm2' })), by, known),
    );
    await scene.until(instance, DONE);
  });

  // Planted fault: an act of an operator that does not begin the bound anew would never be followed by an alarm.
  it('a call behind the pivot that is retried in vain is stuck and alerts once more', async () => {
    wrongs.set('mail', 'm3');
    const instance = await scene.emit(asked({ key: 'm3' }));
    await eventually(() => wrongs.calls('mail', 'm3') > 2, 'the refusals');
    await hourPasses(instance);
    await isStuck(instance, 'm3', 'step_stuck', 'call_failing');
    await act(() => retryStep(scene.database, { instance, step: 'mail' }, by));
    await eventually(async () => (await observed(instance)).startsWith('running'), 'its release');
    await hourPasses(instance);
    const all = () => alarms.filter((one) => one.key === 'm3');
    await eventually(() => all().length === 2, 'the second alarm');
    await eventually(async () => (await observed(instance)).startsWith('stuck'), 'the observer');
  });
});

describe('a `record` that throws', () => {
  const charged = async (key: string): Promise<string> => {
    wrongs.set('record', key);
    const instance = await scene.emit(asked({ key }));
    await eventually(() => wrongs.calls('record', key) > 2, 'its failures');
    await scene.emit(cancelled({ key }));
    await scene.until(instance, 'hold:applied pay:undo_pending seat:tombstoned');
    return instance;
  };

  // Planted fault: without `late` the money stays with the shop, and nothing says so.
  it('a `record` that throws leaves the charge stuck, and the charge is refunded when `record` works', async () => {
    const instance = await charged('r1');
    await hourPasses(instance);
    await isStuck(
      instance,
      'r1',
      'step_stuck',
      'pay waits for an operator: settlement_failing (record broke)',
    );
    wrongs.fix('record', 'r1');
    await scene.until(instance, BACK);
    expect([wrongs.calls('charge', 'r1'), wrongs.calls('refund', 'r1')]).toEqual([1, 1]);
  });

  // Planted fault: `record` outside the savepoint has the operator's word fail as the worker's did.
  it('a `record` that throws is left out when an operator states the outcome, and the charge is refunded', async () => {
    const instance = await charged('r2');
    await hourPasses(instance);
    await isStuck(instance, 'r2', 'step_stuck', 'settlement_failing');
    const { database } = scene;
    await act(() =>
      resolveStep(database, { instance, step: 'pay' }, outcomeOf(taken({ key: 'r2' })), by, known),
    );
    await scene.until(instance, BACK);
    expect([wrongs.calls('charge', 'r2'), wrongs.calls('refund', 'r2')]).toEqual([1, 1]);
  });
});

describe('a `noop` that throws', () => {
  const notBegun = async (key: string): Promise<string> => {
    wrongs.set('noop', key);
    scene.pump.held.add('half.held');
    const instance = await scene.emit(asked({ key }));
    await scene.until(instance, 'hold:applied');
    await scene.emit(cancelled({ key }));
    await scene.until(instance, 'hold:applied pay:tombstoned seat:tombstoned');
    scene.pump.held.clear();
    // The slice tries the undo first, and then the worker: only the worker's attempts are recorded.
    const tried = async (): Promise<boolean> => {
      await scene.hurry(instance);
      const story = `select from converge.saga_work where instance = $1 and story like '%noop broke%'`;
      return (await scene.rows(story, [instance])).length > 0;
    };
    await eventually(tried, 'its failures');
    return instance;
  };
  const ends = 'hold:undone pay:tombstoned seat:tombstoned';

  // Planted faults: `late` that looks at `undo_pending` alone says nothing; `undone` without `tombstoned` never passes it on.
  it('a `noop` that throws is stuck after its bound, and the step before is undone when it works', async () => {
    const instance = await notBegun('n1');
    await hourPasses(instance);
    await isStuck(
      instance,
      'n1',
      'compensation_stuck',
      'the undo of pay waits for an operator: noop_failing (noop broke)',
    );
    wrongs.fix('noop', 'n1');
    await scene.until(instance, ends, { hurried: true });
    await eventually(async () => (await observed(instance)).startsWith('compensated'), 'its end');
  });

  // Planted fault: `undone` that the table does not have in `undone` is never emitted, and the step before stands for ever.
  it('a `noop` that throws after a call without effect delays only its own event', async () => {
    for (const what of ['noop', 'charge'] as const) wrongs.set(what, 'n4');
    const instance = await scene.emit(asked({ key: 'n4' }));
    await eventually(() => wrongs.calls('charge', 'n4') > 1, 'its calls');
    await scene.emit(cancelled({ key: 'n4' }));
    await scene.until(instance, 'hold:applied pay:undone seat:tombstoned');
    const tries = async (): Promise<boolean> => {
      await scene.hurry(instance);
      return wrongs.calls('noop', 'n4') > 2;
    };
    await eventually(tries, 'its failures');
    await hourPasses(instance);
    await isStuck(instance, 'n4', 'compensation_stuck', 'noop_failing');
    wrongs.fix('noop', 'n4');
    await scene.until(instance, 'hold:undone pay:undone seat:tombstoned', { hurried: true });
  });

  it.each([
    ['that it has no effect', 'n2', outcomeOf(refunded({ key: 'n2' }))],
    ['that it goes on without it', 'n3', { kind: 'effect_stays' } as const],
  ] as const)('a `noop` that throws is resolved by an operator who states %s', async (_, key, outcome) => {
    const instance = await notBegun(key);
    await hourPasses(instance);
    await isStuck(instance, key, 'compensation_stuck', 'noop_failing');
    await act(() => resolveStep(scene.database, { instance, step: 'pay' }, outcome, by, known));
    await scene.until(instance, ends);
  });
});

// Planted fault: without `late` on the question the saga waits for ever, and says nothing.
it('a query that is always refused is stuck after its bound, and its answer ends the saga', async () => {
  for (const what of ['seat', 'query'] as const) wrongs.set(what, 'q1');
  const instance = await scene.emit(asked({ key: 'q1' }));
  await scene.until(instance, 'hold:applied pay:applied seat:unknown');
  await eventually(() => wrongs.calls('query', 'q1') > 0, 'its questions');
  await hourPasses(instance);
  await isStuck(instance, 'q1', 'step_stuck', 'seat waits for an operator: query_failing (no access)');
  wrongs.fix('query', 'q1');
  await scene.until(instance, DONE);
});
