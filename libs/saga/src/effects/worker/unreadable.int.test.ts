import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { database, effects, provider, sceneForEach } from '../../fixture/effects/provider-scene.ts';
import { ended, hurried, outcomes, request, type SceneDb, workRows } from '../../fixture/effects/scene.ts';
import type { WorkAttempt } from '../work/work.ts';
import { sagaWorker } from '../../saga-worker.ts';

sceneForEach();

// Planted fault: a worker that sticks at once what it cannot read leaves this one to an operator, though the next process reads it.
it('a worker leaves an intent that it cannot read to a process that can, whatever the state of the intent', async () => {
  await request(database, effects.keyed, ['new']);
  const old = {
    ...effects.keyed,
    revive: () => {
      throw new TypeError('of a newer version');
    },
  };
  const worker = sagaWorker<SceneDb>([old], { ...hurried, database });
  await worker.start();
  const tried = async () =>
    (JSON.parse((await workRows(database))[0]!.story) as readonly WorkAttempt[]).map(
      ({ failure }) => failure?.code,
    );
  await waitUntil(async () => (await tried()).length >= 2, { what: 'the old process to pass it on twice' });
  await worker.stop();
  expect([...new Set(await tried())]).toEqual(['INTENT_UNREADABLE']);
  expect((await workRows(database))[0]).toMatchObject({ state: 'ready', attempts: 0 });
  const next = sagaWorker<SceneDb>([effects.keyed], { ...hurried, database });
  await next.start();
  await ended(database);
  await next.stop();
  expect([provider.times('new'), await outcomes(database)]).toEqual([1, ['new r-new']]);
});
