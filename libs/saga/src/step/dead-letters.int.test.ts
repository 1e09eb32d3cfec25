import { retryParked } from '@convergekit/inbox/operate';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { COMPLETED, stop, type Moods, type Placed, TrialScene } from '../fixture/trial/trial-scene.ts';
import { factOf } from '../fixture/trial/trial-saga.ts';
import type { Part } from '../fixture/trial/world.ts';
import { actOnWork } from '@convergekit/saga/operate';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl, {
    withinMs: 1,
    idempotency: 'none',
    queries: false,
  });
});
afterAll(async () => expect(await scene.close()).toEqual([]));

/** Places an order whose group members act in a fixed order: one acts when the other has taken effect. */
async function place(moods: Moods): Promise<Placed> {
  const name = scene.next();
  const first = moods.book === undefined ? ['inNetwork', 'charge'] : ['inHandler', 'book'];
  const [where, what] = first as ['inNetwork' | 'inHandler', string];
  const held = stop(scene.world, where, what, name);
  const order = await scene.place(moods, name);
  const other = moods.book === undefined ? 'book:applied pay:started' : 'pay:applied';
  if (moods.reserve === undefined) await scene.until(order, `${other} reserve:applied`);
  held.release();
  return order;
}

async function deadLetterOf({ order }: Placed): Promise<string> {
  const [row] = await scene.saga.rows<{ id: string }>(`select id from converge.parked where key = $1`, [
    order,
  ]);
  return row!.id;
}

/** States the outcome of a step, as an operator. */
async function resolve(order: Placed, step: Part, op: string, took: boolean): Promise<void> {
  const { id } = await scene.work(order, step, op);
  const failure = {
    category: 'business',
    certainty: 'not_applied',
    code: 'LOOKED',
    message: 'none',
  } as const;
  const fact = { kind: 'succeeded', result: JSON.stringify(factOf(step, order.order)) } as const;
  await actOnWork(
    scene.saga.database.executor,
    id,
    { by: 'alice', reason: 'looked' },
    took ? fact : { kind: 'failed', failure },
  );
}

const undone = 'book:undone pay:undone reserve:undone';
const back = `${undone} ship:tombstoned`;
const all = 'reserve+- pay+- book+-';
const stands = 'reserve+ pay+ book+ ship+ confirm+';

describe('a step that fails', () => {
  // Planted faults: an `applied` dead letter that reaches the step before at once; one of unknown certainty that undoes; a
  // pivot's `applied` that is taken for a failure.
  it.each([
    [
      'reserve',
      'without effect',
      { reserve: 'not_applied' },
      'reserve:failed_not_applied ship:tombstoned',
      '',
    ],
    ['reserve', 'by a refusal', { reserve: 'no' }, 'reserve:failed_not_applied ship:tombstoned', ''],
    ['reserve', 'with effect', { reserve: 'applied' }, 'reserve:undone ship:tombstoned', 'reserve+-'],
    [
      'reserve',
      'with unknown outcome, and whose query finds no effect,',
      { reserve: 'unknown_not' },
      'reserve:failed_not_applied ship:tombstoned',
      '',
    ],
    [
      'book',
      'without effect',
      { book: 'not_applied' },
      'book:failed_not_applied pay:undone reserve:undone ship:tombstoned',
      'reserve+- pay+-',
    ],
    ['book', 'with effect', { book: 'applied' }, back, all],
    [
      'pay',
      'by a refusal',
      { pay: 'no' },
      'book:undone pay:failed_not_applied reserve:undone ship:tombstoned',
      'reserve+- book+-',
    ],
    [
      'pay',
      'by giving up',
      { pay: 'fail' },
      'book:undone pay:failed_not_applied reserve:undone ship:tombstoned',
      'reserve+- book+-',
    ],
    ['ship', 'without effect', { ship: 'not_applied' }, `${undone} ship:failed_not_applied`, all],
    [
      'ship',
      'with unknown outcome, and whose query finds no effect,',
      { ship: 'unknown_not' },
      `${undone} ship:failed_not_applied`,
      all,
    ],
  ] as const)(
    'G6c, S54: step %s that fails %s is compensated accordingly, in reverse order',
    async (_, __, moods, ends, books) => {
      const order = await place(moods);
      await scene.until(order, ends);
      expect(await scene.books(order)).toBe(books);
    },
  );

  it.each([
    ['reserve, as its query finds', { reserve: 'unknown_took' }],
    ['the pivot', { ship: 'applied' }],
    ['the pivot, as its query finds', { ship: 'unknown_took' }],
  ] as const)('a saga continues after a failure of a step that took effect: %s', async (_, moods) => {
    const order = await place(moods);
    await scene.until(order, COMPLETED);
    expect(await scene.books(order)).toBe(stands);
  });
});

describe('a step of unknown outcome, without a query', () => {
  // Planted fault: a local one without work of its own could be resolved by no operator.
  it.each([
    ['book', 'resolve', 'unknown_took', true, COMPLETED, stands],
    [
      'book',
      'resolve',
      'unknown_not',
      false,
      'book:failed_not_applied pay:undone reserve:undone ship:tombstoned',
      'reserve+- pay+-',
    ],
    ['pay', 'apply', 'unknown_took', true, COMPLETED, stands],
    [
      'pay',
      'apply',
      'unknown_not',
      false,
      'book:undone pay:failed_not_applied reserve:undone ship:tombstoned',
      'reserve+- book+-',
    ],
  ] as const)(
    'G8c: step %s of unknown outcome waits, moves no other step, and ends by the outcome that an operator states (%s %s)',
    async (...row) => {
      const [step, op, mood, took, ends, books] = row;
      const order = await place({ [step]: mood });
      const stuck = step === 'book' ? 'book:stuck pay:applied' : 'book:applied pay:stuck';
      await scene.until(order, `${stuck} reserve:applied`);
      await scene.until(await scene.place(), COMPLETED);
      expect(await scene.saga.fences(order.instance)).toBe(`${stuck} reserve:applied`);
      await resolve(order, step, op, took);
      await scene.until(order, ends);
      expect(await scene.books(order)).toBe(books);
    },
  );
});

describe('a dead letter whose saga continued without it', () => {
  // Planted fault: a dead letter that may be retried takes effect in a saga that was undone.
  it('a dead letter whose saga was undone cannot be retried by an operator, and its redelivery takes no effect', async () => {
    const order = await place({ book: 'not_applied' });
    const ends = 'book:failed_not_applied pay:undone reserve:undone ship:tombstoned';
    await scene.until(order, ends);
    scene.world.stays('book', order.order, undefined);
    const by = { by: 'alice', reason: 'the van is back' };
    await expect(retryParked(scene.saga.database, await deadLetterOf(order), by)).rejects.toThrow(
      'its saga goes on without it: step book not_applied',
    );
    const [row] = await scene.saga.rows(
      `select * from converge.outbox where type = 'trial.reserved' and key = $1`,
      [order.order],
    );
    await scene.saga.pump.again(row as never);
    await scene.until(await scene.place(), COMPLETED);
    expect([await scene.saga.fences(order.instance), await scene.books(order)]).toEqual([
      ends,
      'reserve+- pay+-',
    ]);
    expect(scene.world.called(`book ${order.order}`)).toBe(1);
  });
});

describe('a dead letter behind the pivot', () => {
  // Planted fault: a retriable step's dead letter that undoes something.
  it.each(['not_applied', 'unknown_not'] as const)(
    'a step behind the pivot that is given up (%s) is never undone, and ends by a retry',
    async (mood) => {
      const order = await place({ confirm: mood });
      await scene.until(order, COMPLETED.replace('confirm:applied', 'confirm:stuck'));
      scene.world.stays('confirm', order.order, undefined);
      const by = { by: 'alice', reason: 'fixed' };
      await retryParked(scene.saga.database, await deadLetterOf(order), by, {
        afterCompensation: true,
      });
      await scene.until(order, COMPLETED);
      expect(await scene.books(order)).toBe(stands);
    },
  );
});
