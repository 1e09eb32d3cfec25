import { rewrite } from '../../libs/testing/src/fixture/any-table.ts';
import { sagaObserver } from 'convergekit/process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Mood,
  Moods,
  order,
  orderConsumers,
  type OrderDb,
  orderTables,
  placed,
  type Step,
} from '../../libs/saga/src/fixture/order-saga.ts';
import { Scene } from './fixture/scene.ts';

const moods = new Moods();
const module = new URL('../../libs/saga/src/fixture/order-saga.ts', import.meta.url).pathname;
let scene: Scene<OrderDb>;
let orders = 0;

beforeAll(async () => {
  scene = await Scene.open<OrderDb>(orderTables);
  const observer = sagaObserver<OrderDb>({ sagas: [order.declaration], from: 'first' });
  // The bound makes every failed undo count as stuck.
  await scene.consume([...orderConsumers(moods), observer], { worker: { stuckAfterMs: 1, tidyMs: 50 } });
});
afterAll(() => scene.close());

interface Placed {
  readonly id: string;
  readonly instance: string;
}

async function place(some: Partial<Record<Step, Mood>>): Promise<Placed> {
  orders += 1;
  const id = `o-${orders}`;
  for (const [of, mood] of Object.entries(some)) moods.set(of as Step, id, mood);
  return { id, instance: await scene.emit(placed({ order: id })) };
}

/** Waits until an observer shows a run so, and returns what `converge saga show` prints of it. */
async function seen({ instance }: Placed, wanted: string): Promise<string> {
  let last = '';
  await scene
    .eventually(async () => {
      last = (await scene.cli('saga', 'show', instance)).stdout;
      return last.includes(`${instance}: ${wanted}`);
    }, `the run to be ${wanted}`)
    .catch((error: unknown) => {
      throw new Error(`it is ${last}`, { cause: error });
    });
  return last;
}

const because = ['--reason', 'the ledger shows it', '--yes'];
const said = (type: string, id: string) => [
  ...['--event', type, '--data', JSON.stringify({ order: id, note: 'by hand' }), '--sagas', module],
];
const resolve = ({ instance }: Placed, step: string, words: readonly string[], why = because) =>
  scene.cli('saga', 'resolve', instance, step, ...words, ...why);
const retry = ({ instance }: Placed, step: string) =>
  scene.cli('saga', 'retry', instance, step, '--reason', 'the ledger shows it', '--yes');
/** The worker may hold the work at the moment. */
const done = (act: () => Promise<{ readonly code: number; readonly stderr: string }>) =>
  scene.eventually(async () => {
    const { code, stderr } = await act();
    if (code !== 0 && !stderr.includes('right now')) throw new Error(stderr);
    return code === 0;
  }, 'no worker to hold it');
const did = async ({ id }: Placed) =>
  (
    await scene.rows<{ did: string }>(
      `select step || ' ' || what as did from done where order_id = $1 order by line`,
      [id],
    )
  ).map((row) => row.did);
const notices = async ({ id }: Placed) =>
  (await scene.published())
    .filter(({ type, key }) => type === 'converge.stuck' && key === id)
    .map(({ data }) => data['is']);

describe('a step of unknown outcome', () => {
  const unknown = async (): Promise<Placed> => {
    const one = await place({ pay: 'unknown' });
    await seen(one, 'stuck, pay waits for an operator: BROKE (it broke (unknown))');
    return one;
  };

  it('G6l, S57: a step of unknown outcome continues when an operator states that it took effect, and who and why is in the narrative', async () => {
    const one = await unknown();
    await done(() => resolve(one, 'pay', said('test.taken', one.id)));
    await seen(one, 'completed');
    const { stdout } = await scene.cli('saga', 'narrative', one.instance);
    expect(stdout).toMatch(/pay .*\(operator .*: the ledger shows it\)/);
  });

  it('S57: a step of unknown outcome is compensated when an operator states that it had no effect, and retried when asked to', async () => {
    const [one, other] = [await unknown(), await unknown()];
    await done(() => resolve(one, 'pay', ['--failed', 'NOT_THERE', '--sagas', module]));
    await seen(one, 'compensated, pay failed: NOT_THERE');
    expect(await did(one)).toEqual(['reserve apply', 'reserve undo']);
    moods.set('pay', other.id, undefined);
    await done(() => retry(other, 'pay'));
    await seen(other, 'completed');
  });
});

it('G6l: a stuck step behind the pivot is released by a retry, waits again when that fails, and ends with one that works', async () => {
  const one = await place({ confirm: 'not_applied' });
  await seen(one, 'stuck, confirm waits for an operator: BROKE');
  await done(() => retry(one, 'confirm'));
  await scene.eventually(
    async () => (await notices(one)).join() === 'stuck,released,stuck',
    'it to wait again',
  );
  await seen(one, 'stuck, confirm waits');
  moods.set('confirm', one.id, undefined);
  await done(() => retry(one, 'confirm'));
  await seen(one, 'completed');
  expect(await notices(one)).toEqual(['stuck', 'released', 'stuck', 'released']);
});

describe('an undo that has failed for too long', () => {
  const late = async (): Promise<Placed> => {
    const one = await place({ ship: 'reject', pay: 'undo_fails' });
    await seen(one, 'stuck, the undo of pay waits for an operator');
    return one;
  };

  it('S30, G6l: an undo that has failed for too long is shown with its reason, reported once, and ends when it works', async () => {
    const one = await late();
    const called = moods.calls.get(`undo pay ${one.id}`) ?? 0;
    await scene.eventually(() => (moods.calls.get(`undo pay ${one.id}`) ?? 0) > called, 'another try');
    expect(await notices(one)).toEqual(['stuck']);
    expect(await seen(one, 'stuck')).toMatch(/pay +payments +undo_pending/);
    moods.set('pay', one.id, undefined);
    await seen(one, 'compensated');
    expect(await scene.steps(one.instance)).toBe('pay:undone reserve:undone ship:rejected');
    // The graph of the saga lists each step with its undo, before anything runs.
    expect((await scene.cli('saga', 'graph', module)).stdout).toMatch(/pay by payments: compensatable/);
  });

  it('S57: an undo that has failed for too long ends when an operator accepts that the effect stays, and the steps before it are undone', async () => {
    const one = await late();
    await done(() => resolve(one, 'pay', ['--effect-stays']));
    await seen(one, 'compensated');
    expect(await did(one)).toEqual(['reserve apply', 'pay apply', 'reserve undo']);
  });
});

// Planted faults, each seen to fail here: a type that is not looked up, data that is not parsed, a key that is not compared, any
// code of a failure.
it('G6g: a stated outcome that does not fit the declaration changes nothing, and the error names what was meant', async () => {
  const one = await place({ ship: 'unknown' });
  const stuck = 'stuck, ship waits for an operator';
  await seen(one, stuck);
  // Whether an event is published is known when the relay saves its position, once a second.
  const entries = async () => {
    const { entries: all } = await scene.json<{ entries: object[] }>('saga', 'narrative', one.instance);
    return JSON.stringify(all, (name, value: unknown) => (name === 'published' ? undefined : value));
  };
  const before = await entries();
  const data = (given: object) => ['--data', JSON.stringify(given), '--sagas', module];
  const good = { order: one.id, note: '' };
  for (const [words, message] of [
    [['--event', 'test.hander', ...data(good)], 'ship emits no test.hander (did you mean test.handed?)'],
    [['--event', 'test.released', ...data(good)], 'ship emits no test.released'],
    [['--event', 'test.handed', ...data({ order: 1 })], 'is not that of test.handed v1'],
    [['--event', 'test.handed', '--version', '2', ...data(good)], 'is not that of test.handed v2'],
    [['--event', 'test.handed', ...data({ ...good, order: 'another' })], 'an event of key "another"'],
    [['--event', 'test.handed', '--data', '{', '--sagas', module], 'It must be JSON'],
    [['--failed', '', '--sagas', module], 'is no code of a failure'],
    [['--effect-stays'], 'ship has no undo that waits'],
    [['--event', 'test.handed', ...data(good).slice(0, 2)], 'name the module that exports it'],
  ] as const) {
    const { code, stdout, stderr } = await resolve(one, 'ship', words);
    expect([code === 0, stdout, stderr]).toEqual([false, '', expect.stringContaining(message)]);
  }
  expect(await entries()).toEqual(before);
  const behind = await place({ confirm: 'not_applied' });
  await seen(behind, 'stuck, confirm waits');
  const { stderr } = await resolve(behind, 'confirm', ['--failed', 'NO', '--sagas', module]);
  expect(stderr).toContain('no way back, so it cannot have failed');
  await done(() => resolve(one, 'ship', said('test.handed', one.id)));
  await seen(one, 'completed');
  for (const act of [() => resolve(one, 'ship', said('test.refused', one.id)), () => retry(one, 'ship')])
    expect((await act()).code).not.toBe(0);
  await seen(one, 'completed');
});

it('G8b, S32, S57: `converge saga verify` accepts the journals that the kit wrote, and finds a decision that was changed by hand', async () => {
  const one = await place({ pay: 'unknown' });
  await seen(one, 'stuck');
  await done(() => resolve(one, 'pay', said('test.taken', one.id), ['--reason', 'they have it', '--yes']));
  await seen(one, 'completed');
  expect(await scene.cli('saga', 'verify')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('rows checked, 0 findings') as string,
  });
  expect(await rewrite(scene.database.executor, 'emit_success', 'emit_failure')).toBeGreaterThan(0);
  const found = await scene.cli('saga', 'verify');
  expect([found.code, found.stdout]).toEqual([1, expect.stringContaining(one.instance)]);
});
