import type { Transaction } from 'kysely';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { COMPLETED, type Moods, type Placed, TrialScene } from '../fixture/trial/trial-scene.ts';
import { placed, trialConsumers, type TrialDb } from '../fixture/trial/trial-saga.ts';
import { closeStep, scheduleDeadline } from './cancel.ts';
import { storeEvent } from './stored-event.ts';
import { membersOf } from './part.ts';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl);
});
afterAll(async () => expect(await scene.close()).toEqual([]));

/** Counts the publications of each event of a run. */
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

/** Waits for a saga placed now: it goes through the same consumers, so what came before it has been handled. */
async function untilHandled(): Promise<void> {
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

describe.each(ends)('a saga that was undone because %s', (_, moods, fences) => {
  // Planted fault: without the `close` triggers the timer stays, and `cancel` publishes a failure of the pivot.
  it('G6c: an undone saga has no timer left, and a cancellation after its end publishes nothing', async () => {
    const order = await scene.place(moods);
    await scene.until(order, fences);
    await scene.eventually(async () => (await timers(order)).length === 0, 'its timers to be withdrawn');
    const before = await published(order);
    await scene.cancel(order);
    await untilHandled();
    expect([await published(order), await scene.saga.fences(order.instance)]).toEqual([before, fences]);
  });
});

// Planted fault: without `withdrawTimers` the timer of the pivot, and that of the call, stay until they are due.
it('a pivot that takes effect withdraws the deadline of its saga, and a call that ends withdraws its own timer', async () => {
  const order = await scene.place();
  await scene.until(order, COMPLETED);
  expect(await timers(order)).toEqual([]);
});

// Planted fault: an `undo` that meets `rejected` or `tombstoned` says again that it is undone.
it('a deadline whose service missed the end of the saga publishes a failure of the pivot, and no step is undone twice', async () => {
  const order = await scene.place({ pay: 'reject' });
  await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
  // Events of the end that come later would close the pivot again.
  await untilHandled();
  const before = await published(order);
  // The delete simulates that the failure has not reached the pivot's service.
  await scene.saga.rows(`delete from converge.saga_fence where instance = $1 and step = 'ship'`, [
    order.instance,
  ]);
  await scene.cancel(order);
  await scene.until(order, 'book:undone pay:rejected reserve:undone ship:tombstoned');
  await untilHandled();
  expect(await published(order)).toBe(`converge.failure of ship x1, ${before}`);
});

// Planted fault: without the look at the fence a timer is written that nothing withdraws any more.
it('a start that is read after the end of its saga sets no timer', async () => {
  const order = await scene.place({ reserve: 'reject' });
  await scene.until(order, 'reserve:rejected ship:tombstoned');
  await scene.saga.rows('delete from converge.saga_work where instance = $1', [order.instance]);
  await scene.saga.database.db.transaction().execute((tx) => start(order, tx));
  expect(await timers(order)).toEqual([]);
});

// Planted fault: without `lockStart` in `closeStep` the close does not wait, and the timer stays until it is due.
it('a start and an end that are handled at the same moment leave no timer', async () => {
  const order = await scene.place({ reserve: 'reject' });
  await scene.until(order, 'reserve:rejected ship:tombstoned');
  // The deletes simulate that neither event has been handled.
  for (const table of ['saga_work', 'saga_fence', 'saga_start'])
    await scene.saga.rows(`delete from converge.${table} where instance = $1`, [order.instance]);
  const cause = {
    event: storeEvent(startOf(order)),
    reason: { code: 'NO', text: 'no' },
    attemptId: undefined,
  };
  const { db } = scene.saga.database;
  let closing: Promise<void> | undefined;
  await db.transaction().execute(async (tx) => {
    await start(order, tx);
    let closed = false;
    closing = db
      .transaction()
      .execute((other) => closeStep({ member: pivot(), instance: order.instance, cause }, other))
      .finally(() => (closed = true));
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event = 'advisory'`;
    await scene.eventually(
      async () => closed || (await scene.saga.rows(waiting)).length > 0,
      'the end to wait',
    );
  });
  await closing;
  expect([await timers(order), await scene.saga.fences(order.instance)]).toEqual([[], 'ship:tombstoned']);
});

function pivot() {
  const parcels = trialConsumers(scene.world).find(({ name }) => name === 'parcels');
  return membersOf(parcels?.parts ?? [])[0]!;
}

/** The start of a saga as its consumers receive it. */
function startOf({ order, instance }: Placed) {
  const received = { time: new Date(), position: {}, source: 's', hops: 0, partition: 0, offset: 0n };
  return { ...placed({ order }), id: instance, ...received } as never;
}

function start(order: Placed, tx: Transaction<TrialDb>): Promise<void> {
  return scheduleDeadline(pivot(), startOf(order), tx);
}
