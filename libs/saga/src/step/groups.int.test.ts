import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { COMPLETED, stop, TrialScene } from '../fixture/trial/trial-scene.ts';
import { actOnWork } from '@convergekit/saga/operate';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl, { withinMs: 1 });
});
afterAll(async () => expect(await scene.close()).toEqual([]));

describe('the step behind a group', () => {
  it.each([
    ['pay', 'inNetwork', 'answer of the charge'],
    ['book', 'inHandler', 'book'],
  ] as const)(
    'the step behind a group begins once, when the last member has succeeded: %s',
    async (last, where, what) => {
      const name = scene.next();
      const held = stop(scene.world, where, what, name);
      const order = await scene.place({}, name);
      await held.reached;
      const other = last === 'pay' ? 'book:applied pay:started' : 'pay:applied';
      await scene.until(order, `${other} reserve:applied`);
      expect(scene.world.called(`ship ${order.order}`)).toBe(0);
      held.release();
      await scene.until(order, COMPLETED);
      expect(scene.world.called(`ship ${order.order}`)).toBe(1);
    },
  );
});

describe('the step before a group', () => {
  it('S55: the step before a group is undone once when both members fail', async () => {
    const order = await scene.place({ pay: 'reject', book: 'not_applied' });
    await scene.until(
      order,
      /^book:(failed_not_applied|tombstoned) pay:(rejected|tombstoned|undone) reserve:undone ship:tombstoned$/,
    );
    expect([await scene.books(order), scene.world.called(`undo reserve ${order.order}`)]).toEqual([
      'reserve+-',
      1,
    ]);
  });

  it('G8c: the step before a group waits for a member of unknown outcome, until an operator resolves it', async () => {
    const name = scene.next();
    const charge = stop(scene.world, 'inNetwork', 'charge', name);
    const order = await scene.place({ book: 'unknown_took', pay: 'reject' }, name);
    await scene.until(order, 'book:stuck pay:started reserve:applied');
    charge.release();
    await scene.until(order, 'book:undo_pending pay:rejected reserve:applied ship:tombstoned');
    const { id, state } = await scene.work(order, 'book', 'resolve');
    expect(state).toBe('stuck');
    const payload = JSON.stringify({ order: order.order });
    const result = JSON.stringify({ type: 'trial.booked', version: 1, payload });
    const { executor } = scene.saga.database;
    await actOnWork(
      executor,
      id,
      { by: 'alice', reason: 'the van is booked' },
      { kind: 'succeeded', result },
    );
    await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
    expect(await scene.books(order)).toBe('reserve+- book+-');
  });
});

// Planted fault: siblings that do not hear of an undone member stay applied, and the saga waits for ever.
it('a group member past its own deadline is undone as soon as its outcome is known, and its siblings with it', async () => {
  const name = scene.next();
  const charge = stop(scene.world, 'inNetwork', 'charge', name);
  const order = await scene.place({}, name);
  await charge.reached;
  await scene.until(order, 'book:applied pay:started reserve:applied');
  await scene.timeIsOver(order, 'expire');
  await scene.until(order, 'book:applied pay:undo_pending reserve:applied');
  charge.release();
  await scene.until(order, 'book:undone pay:undone reserve:undone ship:tombstoned');
  expect(await scene.books(order)).toBe('reserve+- pay+- book+-');
});

it('a group member that ends within its deadline is not undone, and its timer is withdrawn with its outcome', async () => {
  const order = await scene.place();
  await scene.until(order, COMPLETED);
  const timers = `select 1 from converge.saga_work where instance = $1 and op = 'expire' and ended_at is null`;
  expect(await scene.saga.rows(timers, [order.instance])).toEqual([]);
});
