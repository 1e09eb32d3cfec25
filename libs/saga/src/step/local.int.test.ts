import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { order, placed } from '../fixture/order-saga.ts';
import { moods, openOrders, place, scene } from '../fixture/order-scene.ts';

beforeAll(() => openOrders(inject('stack').databaseUrl));
afterAll(() => scene.close());

/** Returns the effects and undos of an order, in order. */
async function done(id: string): Promise<string> {
  const rows = await scene.rows<{ line: string }>(
    `select case what when 'undo' then '-' else '+' end || step as line from done where order_id = $1 order by done.line`,
    [id],
  );
  return rows.map(({ line }) => line).join(' ');
}

describe('a saga of local steps', () => {
  it('a saga of local steps is completed when every step works', async () => {
    const { id, instance } = await place();
    await scene.until(instance, 'confirm:applied pay:applied reserve:applied ship:applied');
    expect(await done(id)).toBe('+reserve +pay +ship +confirm');
    expect(await scene.emitted(instance)).toBe('reserved taken handed confirmed');
  });

  it.each([
    ['reserve', 'reserve:rejected ship:tombstoned', '', 'rejected'],
    ['pay', 'pay:rejected reserve:undone ship:tombstoned', '+reserve -reserve', 'reserved declined released'],
    [
      'ship',
      'pay:undone reserve:undone ship:rejected',
      '+reserve +pay -pay -reserve',
      'reserved taken refused refunded released',
    ],
  ] as const)(
    'a refusal of step %s undoes all steps before it in reverse order',
    async (of, ends, did, emitted) => {
      const { id, instance } = await place({ [of]: 'reject' });
      await scene.until(instance, ends);
      expect(await done(id)).toBe(did);
      expect(await scene.emitted(instance)).toBe(emitted);
    },
  );

  // Planted fault: an `applied` dead letter that reaches the step before at once undoes reserve before pay, and fails here.
  it.each([
    ['reserve', 'not_applied', 'reserve:failed_not_applied ship:tombstoned', '', 'failure'],
    ['reserve', 'applied', 'reserve:undone ship:tombstoned', '-reserve', 'failure released'],
    [
      'pay',
      'business',
      'pay:failed_not_applied reserve:undone ship:tombstoned',
      '+reserve -reserve',
      'reserved failure released',
    ],
    [
      'pay',
      'not_applied',
      'pay:failed_not_applied reserve:undone ship:tombstoned',
      '+reserve -reserve',
      'reserved failure released',
    ],
    [
      'pay',
      'applied',
      'pay:undone reserve:undone ship:tombstoned',
      '+reserve -pay -reserve',
      'reserved failure refunded released',
    ],
    [
      'ship',
      'not_applied',
      'pay:undone reserve:undone ship:failed_not_applied',
      '+reserve +pay -pay -reserve',
      'reserved taken failure refunded released',
    ],
  ] as const)(
    'a dead letter of %s that is certainly %s is compensated accordingly',
    async (of, mood, ends, did, emitted) => {
      const { id, instance } = await place({ [of]: mood });
      await scene.until(instance, ends);
      expect(await done(id)).toBe(did);
      expect(await scene.emitted(instance)).toBe(emitted);
    },
  );

  it.each([
    ['reserve', 'reserve:failed_not_applied ship:tombstoned', ''],
    ['pay', 'pay:failed_not_applied reserve:undone ship:tombstoned', '+reserve -reserve'],
    ['ship', 'pay:undone reserve:undone ship:failed_not_applied', '+reserve +pay -pay -reserve'],
    ['confirm', 'confirm:stuck pay:applied reserve:applied ship:applied', '+reserve +pay +ship'],
  ] as const)(
    'G5d: a bug in the handler of step %s is compensated by default, unless the step is behind the pivot',
    async (of, ends, did) => {
      const { id, instance } = await place({ [of]: 'bug' });
      await scene.until(instance, ends);
      expect(await done(id)).toBe(did);
    },
  );

  // Planted fault: a dead letter of unknown certainty that triggers an undo fails here.
  it.each(['reserve', 'pay', 'ship'] as const)(
    'a dead letter of %s with an unknown outcome moves no other step',
    async (of) => {
      const { instance } = await place({ [of]: 'unknown' });
      const stage = order.declaration.stages.findIndex(({ steps }) => steps[0]?.name === of);
      const before = ['reserve', 'pay'].slice(0, stage).map((name) => `${name}:applied`);
      await scene.until(instance, [...before, `${of}:stuck`].toSorted().join(' '));
      await passes(await place(), 'confirm:applied pay:applied reserve:applied ship:applied');
      expect(await scene.fences(instance)).toBe([...before, `${of}:stuck`].toSorted().join(' '));
    },
  );

  it('a compensation receives the intent, the result and the reason, and each of its journal rows has its cause', async () => {
    const { id, instance } = await place({ ship: 'not_applied' });
    await scene.until(instance, 'pay:undone reserve:undone ship:failed_not_applied');
    const whys = await scene.rows<{ why: string }>(
      `select why from done where order_id = $1 and what = 'undo' order by line`,
      [id],
    );
    expect(whys.map(({ why }) => why)).toEqual([`BROKE pay of ${id}`, `UNDONE reserve of ${id}`]);
    const journal = await scene.rows<{ step: string; caused: boolean }>(
      `select step, exists (select from converge.inbox_attempt a where a.id::text = cause_attempt) as caused
         from converge.saga_step where instance = $1 and op = 'compensate' order by at, step, seq`,
      [instance],
    );
    expect(journal).toEqual(['pay', 'pay', 'reserve', 'reserve'].map((step) => ({ step, caused: true })));
  });

  // Planted fault: a dead letter that holds its key (as those of other handlers do) keeps the second order waiting.
  it('a second saga on the same key has fences of its own, and does not wait for the first', async () => {
    const first = await place({ pay: 'not_applied' });
    await scene.until(first.instance, 'pay:failed_not_applied reserve:undone ship:tombstoned');
    moods.set('pay', first.id, undefined);
    const second = await scene.emit(placed({ order: first.id }));
    await scene.until(second, 'confirm:applied pay:applied reserve:applied ship:applied');
    expect(await scene.fences(first.instance)).toBe('pay:failed_not_applied reserve:undone ship:tombstoned');
  });
});

async function passes({ instance }: { instance: string }, fences: string): Promise<void> {
  await scene.until(instance, fences);
}
