import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { COMPLETED, stop, TrialScene } from '../fixture/trial/trial-scene.ts';
import { readSagaRecords } from '../operate/records-sql.ts';
import { verifyJournal } from '../verify/verify-journal.ts';

let scene: TrialScene;
beforeAll(async () => {
  scene = await TrialScene.open(inject('stack').databaseUrl);
});
afterAll(async () => expect(await scene.close()).toEqual([]));

const UNDONE = 'book:tombstoned pay:rejected reserve:undone ship:tombstoned';

// Planted fault: where a fence that exists is taken for a success of the insert, the effect of the handler stays.
it('G6d: a local step whose handler is overtaken by its undo leaves nothing, and is rejected by the tombstone', async () => {
  const name = scene.next();
  const inside = stop(scene.world, 'inHandler', 'book', name);
  const order = await scene.place({ pay: 'reject' }, name);
  await inside.reached;
  // The undo does not wait for the handler: the fence is written behind it.
  await scene.until(order, UNDONE);
  inside.release();
  await scene.eventually(
    async () => (await scene.acts(order, 'book')).endsWith('rejected_by_tombstone'),
    'the begin to be rejected',
  );
  expect([await scene.books(order), scene.world.called(`book ${order.order}`)]).toEqual(['reserve+-', 1]);
  await scene.until(await scene.place(), COMPLETED);
  const { executor } = scene.saga.database;
  expect(verifyJournal(await readSagaRecords(executor, {}))).toEqual([]);
});

it('the journal of a local step has its begin and its outcome, which one statement wrote', async () => {
  const order = await scene.place();
  await scene.until(order, COMPLETED);
  expect(await scene.acts(order, 'reserve')).toBe('run emit_success');
  const [fence] = await scene.saga.rows<{ seq: number; intent: string; result: string }>(
    `select seq, intent, result from converge.saga_fence where instance = $1 and step = 'reserve'`,
    [order.instance],
  );
  expect(fence).toMatchObject({ seq: 2, intent: expect.any(String), result: expect.any(String) });
});
