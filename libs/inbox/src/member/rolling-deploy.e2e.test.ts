import { once } from 'node:events';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { type Member, ProcessScene, reordered } from '../fixture/process-scene.ts';

/** Sends events until this member handles one, and so has its share of the partitions. */
async function joined(scene: ProcessScene, { child }: Member): Promise<void> {
  const working = new AbortController();
  void once(child.stdout!, 'data').then(() => working.abort());
  for (; !working.signal.aborted; await systemClock.sleep(50)) await scene.send(7);
}

// Planted fault: with the look-up taken out of the slice (`refuseAhead`), the older version skips the events of the new
// type in its partition, and they are missing here at the end.
it('S72, G4g: two versions of which one handles one more type skip no event of that type during a rolling deployment', async () => {
  const scene = await ProcessScene.open(inject('stack'), {
    driver: inject('full') ? 'platformatic' : 'local',
    partitions: 2,
  });
  onTestFinished(() => scene.close());
  const older = scene.start();
  await joined(scene, older);
  const newer = scene.start({ NEWER: '1' });
  await joined(scene, newer);

  await scene.send(14, 7, 'priced');
  await scene.send(14);
  const halt = await waitUntil(
    () =>
      older
        .log()
        .split('\n')
        .find((line) => line.includes('type_ahead')),
    { what: 'the older version to wait, by name' },
  );
  expect(JSON.parse(halt)).toMatchObject({ alarm: 'type_ahead', topic: scene.topic });
  // The deploy ends: the older version goes, and its partition goes on where it waits.
  expect(await scene.end(older)).toBe(0);
  await scene.effects(scene.ids.length);
  const found = await scene.lines();
  expect(found.map(({ event_id }) => event_id).toSorted()).toEqual(scene.ids.toSorted());
  expect(reordered(found)).toEqual([]);
  expect(await scene.end(newer)).toBe(0);
});
