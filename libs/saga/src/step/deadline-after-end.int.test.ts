import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { COMPLETED, type Moods, type Placed, TrialScene } from '../fixture/trial/trial-scene.ts';
import { placed, trialConsumers } from '../fixture/trial/trial-saga.ts';
import { scheduleDeadline } from './cancel.ts';
import { membersOf } from './part.ts';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl);
});
afterAll(async () => expect(await scene.close()).toEqual([]));

/** How often each event of a run was published. */
async function published({ instance }: Placed): Promise<string> {
  const rows = await scene.saga.rows<{ line: string }>(
    `select type || coalesce(' of ' || (payload::json #>> '{saga,step}'), '') || ' x' || count(*) as line
       from converge.outbox where headers::json ->> 'ce_saga' = 'trial/1/' || $1 and type <> 'trial.cancelled' group by type, payload::json #>> '{saga,step}'
      order by 1`,
    [instance],
  );
  return rows.map(({ line }) => line).join(', ');
}

async function timers({ instance }: Placed): Promise<readonly string[]> {
  const rows = await scene.saga.rows<{ op: string }>(
    `select op from converge.saga_work where instance = $1 and op in ('deadline', 'expire', 'cancel') and ended_at is null`,
    [instance],
  );
  return rows.map(({ op }) => op);
}

/** Another saga, placed later, goes through the same consumers: what came before it has been handled. */
async function settled(): Promise<void> {
  await scene.until(await scene.place(), COMPLETED);
}

const ends: readonly (readonly [string, Moods, string])[] = [
  ['its first step was refused', { reserve: 'reject' }, 'reserve:rejected ship:tombstoned'],
  ['its first step was given up', { reserve: 'not_applied' }, 'reserve:failed_not_applied ship:tombstoned'],
  [
    'a member of its group was refused',
    { pay: 'reject' },
    'book:undone pay:rejected reserve:undone ship:tombstoned',
  ],
  [
    'a member of its group took effect and was given up',
    { book: 'applied' },
    'book:undone pay:undone reserve:undone ship:tombstoned',
  ],
];

describe.each(ends)('a saga that was undone since %s', (_, moods, fences) => {
  // Planted fault: without the `close` triggers the timer stays, and `cancel` publishes a failure of the pivot.
  it('has no timer left, and a cancellation that comes after its end publishes nothing', async () => {
    // The first step waits for the timer: a start that is handled at the moment of the end leaves one until it is due.
    const name = scene.next();
    const known = Promise.withResolvers<Placed>();
    const timed = known.promise.then((one) =>
      scene.eventually(async () => (await timers(one)).length > 0, 'the timer of the saga'),
    );
    scene.world.inHandler = (what, of) => (what === 'reserve' && of === name ? timed : Promise.resolve());
    const order = await scene.place(moods, name);
    known.resolve(order);
    await scene.until(order, fences);
    await scene.eventually(async () => (await timers(order)).length === 0, 'its timers to be withdrawn');
    const before = await published(order);
    await scene.cancel(order);
    await settled();
    expect([await published(order), await scene.saga.fences(order.instance)]).toEqual([before, fences]);
  });
});

// Planted fault: without `withdrawTimers` the timer of the pivot, and that of the call, stay until they are due.
it('a pivot that takes effect withdraws the deadline of its saga, and a call that ends its own', async () => {
  const order = await scene.place();
  await scene.until(order, COMPLETED);
  expect(await timers(order)).toEqual([]);
});

// Planted fault: an `undo` that meets `rejected` or `tombstoned` says again that it is undone.
it('a deadline that knows nothing of the end publishes that the pivot failed, and no step is undone twice', async () => {
  const order = await scene.place({ pay: 'reject' });
  await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
  // Events of the end that come later would close the pivot again.
  await settled();
  const before = await published(order);
  // As if the failure had not reached the pivot's service.
  for (const table of ['saga_fence', 'saga_step'])
    await scene.saga.rows(`delete from converge.${table} where instance = $1 and step = 'ship'`, [
      order.instance,
    ]);
  await scene.cancel(order);
  await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
  await settled();
  expect(await published(order)).toBe(`converge.failure of ship x1, ${before}`);
});

// Planted fault: without the look at the fence a timer is written that nothing withdraws any more.
it('a start that is read after the end of its saga sets no timer', async () => {
  const order = await scene.place({ reserve: 'reject' });
  await scene.until(order, 'reserve:rejected ship:tombstoned');
  await scene.saga.rows('delete from converge.saga_work where instance = $1', [order.instance]);
  const parcels = trialConsumers(scene.world).find(({ name }) => name === 'parcels');
  const [member] = membersOf(parcels?.parts ?? []);
  const event = { ...placed({ order: order.order }), id: order.instance, time: new Date(), position: {} };
  await scene.saga.database.db
    .transaction()
    .execute((tx) =>
      scheduleDeadline(member!, { ...event, source: 's', hops: 0, partition: 0, offset: 0n } as never, tx),
    );
  expect(await timers(order)).toEqual([]);
});
