import { retryParked } from '@convergekit/inbox/operate';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { broken } from '../fixture/trial/world.ts';
import { COMPLETED, type Placed, stop, TrialScene } from '../fixture/trial/trial-scene.ts';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl);
});
afterAll(async () => expect(await scene.close()).toEqual([]));

const GROUP = 'book:applied pay:applied reserve:applied';
const UNDONE = 'book:undone pay:undone reserve:undone ship:tombstoned';
const all = 'reserve+- pay+- book+-';

/** A cancellation, or the saga's deadline: `cancel_refused` answers the cancel event. */
const ways = [
  ['a cancellation', (order: Placed) => scene.cancel(order), 'cancel'],
  ['a deadline', (order: Placed) => scene.timeIsOver(order, 'deadline'), 'deadline'],
] as const;

/** The failure events of the pivot, by what they are about. */
async function refusals({ instance }: Placed): Promise<number> {
  const rows = await scene.saga.rows(
    `select 1 from converge.outbox where type = 'converge.failure' and payload::json #>> '{saga,instance}' = $1
        and payload::json #>> '{saga,op}' = 'cancel'`,
    [instance],
  );
  return rows.length;
}

async function deadlines({ instance }: Placed): Promise<number> {
  const sql = `select 1 from converge.saga_work where instance = $1 and op = 'deadline' and ended_at is null`;
  return (await scene.saga.rows(sql, [instance])).length;
}

async function met(order: Placed, op: string): Promise<void> {
  const looked = async (): Promise<boolean> => {
    const { instance } = order;
    const sql = 'select 1 from converge.saga_step where instance = $1 and op = $2';
    if ((await scene.saga.rows(sql, [instance, op])).length > 0) return true;
    // A timer that has to wait rolls back what it has seen.
    return op === 'deadline' && (await scene.work(order, 'ship', op)).story.includes('SAGA_UNDECIDED');
  };
  await scene.eventually(looked, `the ${op} to meet the pivot`);
}

describe.each(ways)('%s', (_, cancelRuns, op) => {
  // Planted faults: a pivot that begins although it is tombstoned; a cancellation that undoes a pivot that took effect.
  it('G6c, S54: a cancellation or deadline before the pivot begins undoes all steps, and the pivot never begins', async () => {
    scene.saga.pump.held.add('trial.booked');
    const order = await scene.place();
    await scene.until(order, GROUP);
    await cancelRuns(order);
    await scene.until(order, UNDONE);
    scene.saga.pump.held.clear();
    await scene.eventually(
      async () => (await scene.acts(order, 'ship')).includes('rejected_by_tombstone'),
      'the pivot to be rejected',
    );
    expect([await scene.books(order), await refusals(order)]).toEqual([all, 0]);
  });

  it('a cancellation or deadline while the pivot is in its transaction has no effect', async () => {
    scene.asksFirst('ship');
    const name = scene.next();
    const shipping = stop(scene.world, 'inHandler', 'ship', name);
    const order = await scene.place({}, name);
    await shipping.reached;
    await cancelRuns(order);
    await scene.lockWaits();
    shipping.release();
    await scene.until(order, COMPLETED);
    await met(order, op);
    expect(await scene.books(order)).toBe('reserve+ pay+ book+ ship+ confirm+');
    await scene.eventually(async () => (await refusals(order)) === (op === 'cancel' ? 1 : 0), 'its refusal');
  });

  it('a cancellation after the pivot is refused by an event, and the deadline is withdrawn with the pivot', async () => {
    const order = await scene.place();
    await scene.until(order, COMPLETED);
    // The pivot's transaction withdrew the deadline.
    if (op === 'deadline') return expect(await deadlines(order)).toBe(0);
    await cancelRuns(order);
    await met(order, op);
    expect(await scene.saga.fences(order.instance)).toBe(COMPLETED);
    await scene.eventually(async () => (await refusals(order)) === 1, 'its refusal');
  });

  it.each([
    ['takes effect', 'unknown_took', COMPLETED, 'reserve+ pay+ book+ ship+ confirm+'],
    ['does not', 'unknown_not', UNDONE.replace('ship:tombstoned', 'ship:failed_not_applied'), all],
  ] as const)(
    'a cancellation or deadline waits while the outcome of the pivot is unknown; then the pivot %s',
    async (__, mood, ends, books) => {
      const name = scene.next();
      const asking = stop(scene.world, 'inHandler', 'query ship', name);
      const order = await scene.place({ ship: mood }, name);
      await asking.reached;
      await scene.until(order, `${GROUP} ship:unknown`);
      await cancelRuns(order);
      await met(order, op);
      expect(await scene.saga.fences(order.instance)).toBe(`${GROUP} ship:unknown`);
      asking.release();
      await scene.until(order, ends);
      expect(await scene.books(order)).toBe(books);
    },
  );

  // Planted fault: a query that is brought forward in the timer's transaction is rolled back with it, and due in five minutes.
  it('a cancellation or deadline that meets an unknown outcome has it queried at once', async () => {
    const name = scene.next();
    const { inHandler } = scene.world;
    let isDown = true;
    scene.world.inHandler = (what, whose) =>
      what === 'query ship' && whose === name && isDown
        ? Promise.reject(broken('service', 'not_applied'))
        : inHandler(what, whose);
    const order = await scene.place({ ship: 'unknown_not' }, name);
    await scene.until(order, `${GROUP} ship:unknown`);
    const rests = `update converge.saga_work set due_at = clock_timestamp() + interval '5 minutes'
                    where instance = $1 and op = 'resolve' and state = 'unknown' and holder is null returning id`;
    const isPutOff = async () => (await scene.saga.rows(rests, [order.instance])).length === 1;
    await scene.eventually(isPutOff, 'the query to have failed');
    isDown = false;
    await cancelRuns(order);
    await scene.until(order, UNDONE.replace('ship:tombstoned', 'ship:failed_not_applied'));
  });

  it('a cancellation or deadline after the pivot was refused changes nothing', async () => {
    const order = await scene.place({ ship: 'reject' });
    const ends = UNDONE.replace('ship:tombstoned', 'ship:rejected');
    await scene.until(order, ends);
    if (op === 'deadline') return expect(await deadlines(order)).toBe(0);
    await cancelRuns(order);
    await scene.until(await scene.place(), COMPLETED);
    expect([await scene.saga.fences(order.instance), await refusals(order)]).toEqual([ends, 0]);
  });

  // Planted fault: without `supersedeBegin` the key is held. (The trigger is of another topic than the head: see subscription.test.)
  it('a cancellation or deadline supersedes a parked event of its saga, and the key continues', async () => {
    const order = await scene.place({ ship: 'busy' });
    const parked = async () =>
      (
        await scene.saga.rows<{ id: string; state: string }>(
          `select id, state from converge.parked where consumer = 'parcels' and key = $1`,
          [order.order],
        )
      )[0];
    // No drain holds the event: a drain that did would find the tombstone itself.
    const rests = `update converge.parked_key set next_at = clock_timestamp() + interval '5 minutes'
                    where consumer = 'parcels' and key = $1 and leased_until < clock_timestamp() returning key`;
    const isParked = async () => (await scene.saga.rows(rests, [order.order])).length === 1;
    await scene.eventually(isParked, 'the head to be parked');
    await cancelRuns(order);
    await scene.until(order, UNDONE);
    const head = await parked();
    expect([head?.state ?? 'gone', await scene.books(order)]).toEqual(['superseded', all]);
    await expect(
      retryParked(scene.saga.database, head!.id, { by: 'alice', reason: 'again' }),
    ).rejects.toThrow('its saga undid it before it took effect');
    // A second saga on the same key begins and ends beside the first one's fences.
    scene.world.stays('ship', order.order, undefined);
    await scene.until(await scene.place({}, order.order), COMPLETED);
    expect(await scene.saga.fences(order.instance)).toBe(UNDONE);
  });
});

it('a cancellation that names only the key cancels every run that started under it', async () => {
  scene.saga.pump.held.add('trial.booked');
  const order = await scene.place();
  const second = await scene.place({}, order.order);
  for (const one of [order, second]) await scene.until(one, GROUP);
  await scene.cancel(order, 'key');
  for (const one of [order, second]) await scene.until(one, UNDONE);
  scene.saga.pump.held.clear();
});
