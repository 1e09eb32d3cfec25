import { timePasses } from '../../libs/testing/src/fixture/any-table.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMPLETED, type Placed, stop } from '../../libs/saga/src/fixture/trial/world.ts';
import { type Moods, Trial } from './fixture/trial.ts';

const alarms: string[] = [];
const log = {
  ...Object.fromEntries(['trace', 'debug', 'info', 'warn', 'fatal'].map((level) => [level, () => undefined])),
  error: ({ alarm = '', key = '' }: { alarm?: string; key?: string }) => void alarms.push(`${alarm} ${key}`),
};
let trial: Trial;
beforeAll(async () => {
  trial = await Trial.open({}, { worker: { stuckAfterMs: 1, tidyMs: 50, log: log as never } });
});
afterAll(() => trial.scene.close());

const UNDONE = 'book:undone pay:undone reserve:undone ship:tombstoned';

it('G6d, S27: a local step whose handler is overtaken by its undo leaves nothing, and is refused when it ends', async () => {
  const name = trial.next();
  const inside = stop(trial.world, 'inHandler', 'book', name);
  const order = await trial.place({ pay: 'reject' }, name);
  await inside.reached;
  // The undo does not wait for the handler.
  await trial.until(order, 'book:tombstoned pay:rejected reserve:undone ship:tombstoned');
  inside.release();
  await trial.scene.eventually(
    async () => (await trial.decisions(order, 'book')).at(-1) === 'rejected_by_tombstone',
    'the handler to be refused',
  );
  const ended = await trial.until(order, /book:tombstoned/);
  expect([ended, trial.world.called(`book ${name}`)]).toEqual(['reserve+-', 1]);
});

it('S27: the narrative of a local step has its begin and its outcome', async () => {
  const order = await trial.place();
  expect(await trial.until(order, COMPLETED)).toBe('reserve+ pay+ book+ ship+ confirm+');
  expect(await trial.decisions(order, 'reserve')).toEqual(['run', 'emit_success']);
});

it.each([
  ['takes effect', 'unknown_took', COMPLETED, 'reserve+ pay+ book+ ship+ confirm+'],
  ['does not', 'unknown_not', UNDONE.replace('tombstoned', 'failed_not_applied'), 'reserve+- pay+- book+-'],
] as const)(
  'S54: a cancellation waits while the outcome of the pivot is unknown; then the pivot %s',
  async (_, mood, ends, books) => {
    const name = trial.next();
    const asking = stop(trial.world, 'inHandler', 'query ship', name);
    const order = await trial.place({ ship: mood }, name);
    await asking.reached;
    await trial.cancel(order);
    await trial.untilHandled();
    expect(await trial.scene.steps(order.instance)).toBe(
      'book:applied pay:applied reserve:applied ship:unknown',
    );
    asking.release();
    expect(await trial.until(order, ends)).toBe(books);
  },
);

// Each way in which a step of each kind fails, and what is left of the saga.
it.each<[string, Moods, RegExp, string]>([
  ['its first step is refused', { reserve: 'reject' }, /reserve:rejected/, ''],
  ['its first step fails without effect', { reserve: 'not_applied' }, /reserve:failed_not_applied/, ''],
  ['its first step took effect and failed', { reserve: 'applied' }, /reserve:undone/, 'reserve+-'],
  ['a call is declined', { pay: 'reject' }, /pay:rejected reserve:undone/, 'reserve+- book+-'],
  ['a call is refused', { pay: 'no' }, /pay:failed_not_applied reserve:undone/, 'reserve+- book+-'],
  ['a member fails without effect', { book: 'not_applied' }, /pay:undone reserve:undone/, 'reserve+- pay+-'],
  [
    'a member took effect and failed',
    { book: 'applied' },
    /book:undone.*reserve:undone/,
    'reserve+- pay+- book+-',
  ],
  ['the pivot is refused', { ship: 'reject' }, /reserve:undone ship:rejected/, 'reserve+- pay+- book+-'],
  [
    'the pivot fails without effect',
    { ship: 'not_applied' },
    /reserve:undone ship:failed/,
    'reserve+- pay+- book+-',
  ],
])(
  'S28, S54, S56, G6c: a saga of which %s undoes what took effect, and nothing else',
  async (_, moods, steps, books) => {
    const order = await trial.place(moods);
    await trial.scene.until(order.instance, steps);
    await trial.untilHandled();
    const ended = await trial.until(order, /^(?!.*:(started|applied|unknown|undo_pending))/);
    // A sibling of the failed member may have been stopped before it began.
    expect(ended.replace(/^(reserve\+-) book\+-$/, books.includes('book') ? '$&' : '$1')).toBe(
      ended === 'reserve+-' ? 'reserve+-' : books,
    );
    const before = (await trial.published(order)).length;
    await trial.cancel(order);
    await trial.untilHandled();
    expect((await trial.published(order)).length).toBe(before);
  },
);

it('S55, G6c: the step before a group is undone when every member is undone, not when the first one is', async () => {
  const name = trial.next();
  const refund = stop(trial.world, 'inNetwork', 'refund', name);
  const booking = stop(trial.world, 'inHandler', 'book', name);
  const order = await trial.place({ book: 'not_applied' }, name);
  await trial.scene.eventually(() => trial.world.took('pay', name), 'the money to be taken');
  booking.release();
  await refund.reached;
  await trial.untilHandled();
  expect(await trial.scene.steps(order.instance)).toBe(
    'book:failed_not_applied pay:undo_pending reserve:applied ship:tombstoned',
  );
  refund.release();
  expect(await trial.until(order, 'book:failed_not_applied pay:undone reserve:undone ship:tombstoned')).toBe(
    'reserve+- pay+-',
  );
});

// Local and a call: `pay` is a call, `reserve` a row.
describe.each([
  ['pay', 'book:undone pay:undo_pending reserve:applied ship:rejected', 'trial.refunded'],
  ['reserve', 'book:undone pay:undone reserve:undo_pending ship:rejected', 'trial.released'],
] as const)('an undo of %s that fails', (step, waits, undone) => {
  it(`S31, G8c: the undo of ${step} is retried for ever, reported once, delays no other saga, and ends by what an operator did`, async () => {
    const name = trial.next();
    trial.world.undoFails.set(`${step} ${name}`, 1_000_000);
    const order = await trial.place({ ship: 'reject' }, name);
    await trial.until(order, waits);
    await trial.shown(order, `stuck: the undo of ${step} waits for an operator`);
    const before = trial.world.called(`undo ${step} ${name}`);
    await trial.scene.eventually(() => trial.world.called(`undo ${step} ${name}`) > before, 'another try');
    await trial.untilHandled();
    expect(await trial.scene.steps(order.instance)).toBe(waits);
    expect(alarms.filter((line) => line === `compensation_stuck ${name}`)).toHaveLength(1);
    const stuck = (await trial.published(order)).filter(({ type }) => type === 'converge.stuck');
    expect(stuck).toHaveLength(1);
    const module = new URL('../../libs/saga/src/fixture/trial/trial-saga.ts', import.meta.url).pathname;
    const said = ['--event', undone, '--data', JSON.stringify({ order: name }), '--sagas', module];
    const resolve = ['saga', 'resolve', order.instance, step, ...said, '--reason', 'done by hand', '--yes'];
    // The worker may hold the undo at the moment.
    await trial.scene.eventually(async () => (await trial.scene.cli(...resolve)).code === 0, 'the act');
    await trial.until(order, 'book:undone pay:undone reserve:undone ship:rejected');
    await trial.shown(order, 'compensated');
  });

  it(`S31: the undo of ${step} that fails twice and then works needs no operator, and takes effect once`, async () => {
    const name = trial.next();
    trial.world.undoFails.set(`${step} ${name}`, 2);
    const order = await trial.place({ ship: 'reject' }, name);
    expect(await trial.until(order, 'book:undone pay:undone reserve:undone ship:rejected')).toBe(
      'reserve+- pay+- book+-',
    );
  });
});

it('S32, S57, G8b: the journals of all these sagas have no flaw, and each compensation has a cause', async () => {
  expect(await trial.scene.cli('saga', 'verify')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/[1-9]\d* rows checked, 0 findings/) as string,
  });
});

// These come last, since time passes in them.
describe.each([
  ['cancellation', (order: Placed) => trial.cancel(order)],
  ['deadline', () => timePasses(trial.scene.database.executor)],
] as const)('a %s', (what, comes) => {
  it(`S54, S55, G6c: a ${what} before the pivot begins undoes all steps, and the pivot never begins`, async () => {
    const name = trial.next();
    const charging = stop(trial.world, 'inNetwork', 'answer of the charge', name);
    const order = await trial.place({}, name);
    await charging.reached;
    await trial.until(order, 'book:applied pay:started reserve:applied');
    await comes(order);
    await trial.until(order, /ship:tombstoned/);
    charging.release();
    expect(await trial.until(order, UNDONE)).toBe('reserve+- pay+- book+-');
    await trial.untilHandled();
    expect(trial.world.called(`ship ${name}`)).toBe(0);
  });
});
