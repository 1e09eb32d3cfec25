import { kyselyTransaction } from '@convergekit/postgres/engine';
import { waitUntil } from '@convergekit/testing';
import { waitsForLock } from '@convergekit/testing/engine';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { applyTrigger } from '../fence/apply-trigger.ts';
import {
  cancelled,
  Moods,
  order,
  orderConsumers,
  type OrderDb,
  orderTables,
  placed,
} from '../fixture/order-saga.ts';
import type { PumpedRow } from '../fixture/pump.ts';
import { SagaScene } from '../fixture/saga-scene.ts';
import { readSagaRecords } from '../operate/records-sql.ts';
import { verifyJournal } from '../verify/verify-journal.ts';

const COMPLETED = 'confirm:applied pay:applied reserve:applied ship:applied';
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const;

/** Tests of slices that hold the events of several sagas, whose fences one statement writes. */
describe.each([undefined, 'repeatable read'])('a slice of steps (isolation: %s)', (isolation) => {
  let scene: SagaScene<OrderDb>;
  let moods: Moods;
  beforeEach(async () => {
    scene = await SagaScene.open<OrderDb>(inject('stack').databaseUrl, orderTables, isolation);
    moods = new Moods();
    await scene.start(orderConsumers(moods));
  });
  afterEach(() => scene.close());

  /** Places orders whose events of a type wait, and returns the instances. */
  async function placeAll(held: string): Promise<ReadonlyMap<string, string>> {
    scene.pump.held.add(held);
    const instances = new Map<string, string>();
    for (const name of NAMES) instances.set(name, await scene.emit(placed({ order: name, note: '' })));
    return instances;
  }

  const count = async (type: string): Promise<number> =>
    (await scene.rows('select 1 from converge.outbox where type = $1', [type])).length;

  const lines = async (step: string): Promise<readonly string[]> => {
    const rows = await scene.rows<{ text: string }>(
      `select order_id || ' ' || what as text from done where step = $1 order by line`,
      [step],
    );
    return rows.map(({ text }) => text).toSorted();
  };

  const flaws = async () => verifyJournal(await readSagaRecords(scene.database.executor, {}));

  it('one loser among winners: its slice is run again, the winners take effect once, and the loser leaves nothing', async () => {
    const instances = await placeAll('test.taken');
    await waitUntil(async () => (await count('test.taken')) === NAMES.length, { what: 'all payments' });
    const lost = instances.get('d') ?? '';
    // The version before wrote the begin of a step in this way: its transaction is open when the slice comes.
    const release = Promise.withResolvers<undefined>();
    const locked = Promise.withResolvers<undefined>();
    const other = kyselyTransaction(scene.database.db, { isolation: 'read committed' }, async (tx) => {
      const step = { saga: order.ship.step.saga, version: 1, instance: lost, step: 'ship' };
      const request = { ...step, consumer: 'shipping', key: 'd', op: 'cancel', causeEvent: lost } as const;
      await applyTrigger(tx, { ...request, trigger: 'close' });
      locked.resolve(undefined);
      await release.promise;
    });
    await locked.promise;
    scene.pump.held.delete('test.taken');
    await waitUntil(() => waitsForLock(scene.database.executor), {
      what: 'the slice to wait for the other one',
    });
    release.resolve(undefined);
    await other;
    for (const [name, instance] of instances) if (name !== 'd') await scene.until(instance, COMPLETED);
    expect(await lines('ship')).toEqual(NAMES.filter((name) => name !== 'd').map((name) => `${name} apply`));
    expect(await scene.fences(lost)).toBe('pay:applied reserve:applied ship:tombstoned');
    // The neighbours of `d` ran twice: those that came in the same slice, which on a busy machine are not all.
    expect(moods.calls.get('ship d')).toBe(1);
    for (const name of NAMES) expect([1, 2]).toContain(moods.calls.get(`ship ${name}`));
    expect(await flaws()).toEqual([]);
  });

  it('an event that is delivered twice in one slice begins its step once', async () => {
    const instances = await placeAll('test.placed');
    const rows = await scene.rows<PumpedRow>('select * from converge.outbox order by id');
    await scene.pump.again(...rows.flatMap((row) => [row, row]));
    for (const instance of instances.values()) await scene.until(instance, COMPLETED);
    expect(await lines('reserve')).toEqual(NAMES.map((name) => `${name} apply`));
    expect(await flaws()).toEqual([]);
  });

  it('a start and its cancellation by key in one slice: the cancellation finds the start', async () => {
    const instances = await placeAll('test.placed');
    scene.pump.held.add('test.cancelled');
    await scene.emit(cancelled({ order: 'c', note: '' }));
    // The payment waits: a slice that is run again may be slower than the saga, whose cancellation is then too late.
    scene.pump.held.add('test.taken');
    scene.pump.held.delete('test.placed');
    scene.pump.held.delete('test.cancelled');
    const lost = instances.get('c') ?? '';
    await untilOneOf(lost, [
      'pay:undone reserve:undone ship:tombstoned',
      'pay:tombstoned reserve:undone ship:tombstoned',
      'reserve:tombstoned ship:tombstoned',
      'pay:tombstoned reserve:tombstoned ship:tombstoned',
    ]);
    scene.pump.held.clear();
    for (const [name, instance] of instances) if (name !== 'c') await scene.until(instance, COMPLETED);
    expect(await lines('ship')).toEqual(NAMES.filter((name) => name !== 'c').map((name) => `${name} apply`));
    expect(await flaws()).toEqual([]);
  });

  async function untilOneOf(instance: string, ends: readonly string[]): Promise<void> {
    let last = '';
    const ended = async (): Promise<boolean> => ends.includes((last = await scene.fences(instance)));
    await waitUntil(ended, { what: 'the undo' }).catch((error: unknown) => {
      throw new Error(`it is at ${last}`, { cause: error });
    });
  }

  it('a handler that fails costs only its own event: its neighbours in the slice take effect once', async () => {
    moods.set('ship', 'e', 'business');
    const instances = await placeAll('test.taken');
    await waitUntil(async () => (await count('test.taken')) === NAMES.length, { what: 'all payments' });
    scene.pump.held.clear();
    for (const [name, instance] of instances)
      await scene.until(
        instance,
        name === 'e' ? 'pay:undone reserve:undone ship:failed_not_applied' : COMPLETED,
      );
    expect(await lines('ship')).toEqual(NAMES.filter((name) => name !== 'e').map((name) => `${name} apply`));
    expect(await flaws()).toEqual([]);
  });

  it('a slice that is run again after a serialization failure writes its fences once', async () => {
    moods.set('reserve', 'h', 'contends');
    const instances = await placeAll('test.placed');
    scene.pump.held.clear();
    for (const instance of instances.values()) await scene.until(instance, COMPLETED);
    expect(await lines('reserve')).toEqual(NAMES.map((name) => `${name} apply`));
    // Its neighbours ran again, too: those that came in the same slice, which on a busy machine are not all.
    expect(moods.calls.get('reserve h')).toBe(2);
    expect(await flaws()).toEqual([]);
  });
});
