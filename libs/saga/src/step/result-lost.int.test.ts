import { expect, inject, it } from 'vitest';
import { TrialScene } from '../fixture/trial/trial-scene.ts';

// Planted fault: without `certainty: 'applied'` in `wrapped` (facts.ts), the charge is never stuck: it counts as without effect.
it('a step whose call took effect and whose event cannot be made is stuck, and no step before it is undone', async () => {
  const unmade = new Set<string>();
  const scene = await TrialScene.open(inject('stack').databaseUrl, { unmade });
  const name = scene.next();
  unmade.add(name);
  const order = await scene.place({}, name);
  const stuck = (): Promise<readonly { stuck_reason: string | null }[]> =>
    scene.saga.rows(
      `select stuck_reason from converge.saga_work where instance = $1 and step = 'pay' and op = 'apply'`,
      [order.instance],
    );
  await scene.eventually(async () => (await stuck())[0]?.stuck_reason != null, 'the charge to be stuck');
  expect(await stuck()).toEqual([{ stuck_reason: 'result_lost' }]);
  expect(scene.world.took('pay', name)).toBe(true);
  await scene.until(order, 'book:applied pay:stuck reserve:applied');
  expect(await scene.close()).toEqual([]);
});
