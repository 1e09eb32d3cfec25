import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { factOf } from '../fixture/trial/trial-saga.ts';
import { COMPLETED, stop, TrialScene } from '../fixture/trial/trial-scene.ts';
import { actOnWork } from '@convergekit/saga/operate';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl, { withinMs: 1 });
});
afterAll(async () => expect(await scene.close()).toEqual([]));

describe('a compensation before, during and after its apply', () => {
  // Planted fault: `begin` that overruns a tombstone takes effect when its event comes, and fails here.
  it('G6c, S54: a compensation before its apply prevents that apply, and the step before it is undone', async () => {
    scene.asksFirst('book');
    scene.saga.pump.held.add('trial.reserved');
    const order = await scene.place();
    await scene.until(order, 'reserve:applied');
    await scene.cancel(order);
    await scene.until(order, 'book:tombstoned pay:tombstoned reserve:undone ship:tombstoned');
    scene.saga.pump.held.clear();
    for (const part of ['pay', 'book'] as const)
      await scene.eventually(
        async () => (await scene.acts(order, part)).endsWith('rejected_by_tombstone'),
        `${part} to be rejected`,
      );
    await scene.until(await scene.place(), COMPLETED);
    expect(await scene.books(order)).toBe('reserve+-');
    expect([scene.world.called(`book ${order.order}`), scene.world.called(`pay ${order.order}`)]).toEqual([
      0, 0,
    ]);
  });

  // Planted fault: a fence that is read without its lock decides by what it was, and the effect stands.
  it('a compensation while its apply is in its transaction waits for it and undoes it', async () => {
    scene.asksFirst('book');
    const name = scene.next();
    const inside = stop(scene.world, 'inHandler', 'book', name);
    const order = await scene.place({ pay: 'reject' }, name);
    await inside.reached;
    await scene.lockWaits();
    inside.release();
    await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
    expect(await scene.books(order)).toBe('reserve+- book+-');
  });

  // The undone event was emitted before the failure that says otherwise was written.
  // Planted fault: a failure that meets the tombstone and is dropped leaves the effect there.
  it.each([
    ['certainly took effect', 'applied'],
    ['may have taken effect, and did', 'unknown_took'],
  ] as const)(
    'a compensation between an apply and the report that it %s still undoes it',
    async (_, mood) => {
      scene.asksFirst('book');
      const name = scene.inAnyOrder(scene.next());
      const inside = stop(scene.world, 'inHandler', 'book', name);
      const order = await scene.place({ pay: 'reject', book: mood }, name);
      await inside.reached;
      await scene.lockWaits();
      inside.release();
      if (mood === 'unknown_took') {
        const { id } = await scene.work(order, 'book', 'resolve');
        const fact = JSON.stringify(factOf('book', name));
        const outcome = { kind: 'succeeded', result: fact } as const;
        await actOnWork(
          scene.saga.database.executor,
          id,
          { by: 'alice', reason: 'the van is booked' },
          outcome,
        );
      }
      await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
      expect(await scene.books(order)).toBe('reserve+- book+-');
    },
  );

  it('a compensation after its apply undoes it once', async () => {
    const order = await scene.place({ ship: 'reject' });
    await scene.until(order, 'book:undone pay:undone reserve:undone ship:rejected');
    expect(await scene.books(order)).toBe('reserve+- pay+- book+-');
  });

  // Planted fault: `applied` that is emitted although its fence is `undo_pending` leaves the money there, and fails here.
  it.each(['charge', 'answer of the charge'] as const)(
    'a compensation while the %s is in the network waits for the outcome, records it and undoes it',
    async (where) => {
      const name = scene.next();
      const call = stop(scene.world, 'inNetwork', where, name);
      const booking = stop(scene.world, 'inHandler', 'book', name);
      const order = await scene.place({ book: 'not_applied' }, name);
      await call.reached;
      booking.release();
      await scene.until(order, 'book:failed_not_applied pay:undo_pending reserve:applied ship:tombstoned');
      call.release();
      await scene.until(order, 'book:failed_not_applied pay:undone reserve:undone ship:tombstoned');
      expect(await scene.books(order)).toBe('reserve+- pay+-');
      expect(await scene.saga.emitted(order.instance)).not.toContain('taken');
    },
  );
});

describe('a call whose reply was lost', () => {
  // Planted fault: "not found" that is final at once has the step fail, and its money comes in afterwards: `pay+`, not undone.
  it.each([
    ['is kept', {}, COMPLETED, 'reserve+ pay+ book+ ship+ confirm+'],
    [
      'is undone',
      { book: 'not_applied' },
      'book:failed_not_applied pay:undone reserve:undone ship:tombstoned',
      'reserve+- pay+-',
    ],
  ] as const)(
    'a call that was not found by its query and arrives later %s',
    async (_, moods, ends, books) => {
      const name = scene.next();
      const booking = stop(scene.world, 'inHandler', 'book', name);
      const order = await scene.place({ ...moods, pay: 'late' }, name);
      await scene.eventually(() => scene.world.called(`pay ${name}`) > 0, 'the call');
      booking.release();
      await scene.eventually(
        async () => (await scene.work(order, 'pay', 'apply')).story.includes('"not_final"'),
        'it not to be found',
      );
      scene.world.arrive();
      await scene.hurry(order);
      await scene.until(order, ends);
      expect(await scene.books(order)).toBe(books);
    },
  );
});

// Planted fault: a call made in the slice holds up the partition, and the last order never ends.
it('a provider that hangs stops no other saga, neither behind it nor before it', async () => {
  const names = [scene.next(), scene.next(), scene.next()];
  const calls = names.map((name) => stop(scene.world, 'inNetwork', 'charge', name));
  const hanging = await Promise.all(names.map((name) => scene.place({}, name)));
  for (const { reached } of calls) await reached;
  const other = await scene.place();
  await scene.until(other, COMPLETED);
  for (const order of hanging) await scene.until(order, 'book:applied pay:started reserve:applied');
  for (const { release } of calls) release();
  for (const order of hanging) await scene.until(order, COMPLETED);
});
