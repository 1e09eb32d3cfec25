import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { COMPLETED, type Placed, TrialScene } from '../fixture/trial/trial-scene.ts';
import { actOnWork } from '@convergekit/saga/operate';

const alarms: string[] = [];
const log = {
  ...Object.fromEntries(['trace', 'debug', 'info', 'warn', 'fatal'].map((level) => [level, () => undefined])),
  error: (fields: { alarm?: string; key?: string }) =>
    void alarms.push(`${fields.alarm ?? ''} ${fields.key ?? ''}`),
};
let scene: TrialScene;
beforeAll(async () => {
  const worker = { stuckAfterMs: 1, tidyMs: 50, log: log as never };
  scene = await TrialScene.open(inject('stack').databaseUrl, {}, worker);
});
afterAll(async () => expect(await scene.close()).toEqual([]));

async function stuckSteps({ instance }: Placed): Promise<string> {
  const rows = await scene.saga.rows<{ step: string }>(
    'select step from converge.saga_fence where instance = $1 and stuck_since is not null order by step',
    [instance],
  );
  return rows.map(({ step }) => step).join(' ');
}

// Local and a call: `pay` is a call, `reserve` a row.
describe.each([
  ['pay', 'book:undone pay:undo_pending reserve:applied ship:rejected', 'trial.refunded'],
  ['reserve', 'book:undone pay:undone reserve:undo_pending ship:rejected', 'trial.released'],
] as const)('an undo that always fails, of step %s', (step, waits, undone) => {
  // Planted fault: without the mark the saga compensates for ever, and no observer is notified.
  it('G8c: an undo that always fails is retried, alerts an operator once, and delays no step that does not depend on it', async () => {
    const name = scene.next();
    scene.world.undoFails.set(`${step} ${name}`, 1_000_000);
    const order = await scene.place({ ship: 'reject' }, name);
    await scene.until(order, waits);
    const hurried = (holds: () => Promise<boolean> | boolean, what: string): Promise<void> =>
      scene.eventually(async () => {
        await scene.hurry(order);
        return holds();
      }, what);
    await hurried(async () => (await stuckSteps(order)) === step, 'an operator to be called');
    const before = scene.world.called(`undo ${step} ${name}`);
    await hurried(() => scene.world.called(`undo ${step} ${name}`) > before + 2, 'it to be retried');
    await scene.until(await scene.place(), COMPLETED);
    expect(await scene.saga.fences(order.instance)).toBe(waits);
    expect(alarms.filter((line) => line === `compensation_stuck ${name}`)).toHaveLength(1);

    // A failed undo is no outcome; an undo by hand is one, and the other steps continue by it.
    const { id } = await scene.work(order, step, 'compensate');
    const { executor } = scene.saga.database;
    const failure = { category: 'business', certainty: 'not_applied', code: 'NO', message: 'no' } as const;
    const act = async (outcome: NonNullable<Parameters<typeof actOnWork>[3]>): Promise<string> => {
      for (;;)
        try {
          await actOnWork(executor, id, { by: 'alice', reason: 'their receipt r-1' }, outcome);
          return 'taken';
        } catch (error) {
          // The worker holds the row for a moment.
          if (!String(error).includes('is at it right now')) return String(error);
        }
    };
    expect(await act({ kind: 'failed', failure })).toContain('an undo is tried until it works');
    const fact = JSON.stringify({ type: undone, version: 1, payload: JSON.stringify({ order: name }) });
    expect(await act({ kind: 'succeeded', result: fact })).toBe('taken');
    await scene.until(order, 'book:undone pay:undone reserve:undone ship:rejected');
    expect(await stuckSteps(order)).toBe('');
  });

  it('S31: an undo that fails three times and then works needs no operator', async () => {
    const name = scene.next();
    scene.world.undoFails.set(`${step} ${name}`, 3);
    const order = await scene.place({ ship: 'reject' }, name);
    await scene.eventually(async () => {
      await scene.hurry(order);
      return (await scene.saga.fences(order.instance)).includes('reserve:undone');
    }, 'it to be undone');
    expect([await scene.books(order), await stuckSteps(order)]).toEqual(['reserve+- pay+- book+-', '']);
  });
});
