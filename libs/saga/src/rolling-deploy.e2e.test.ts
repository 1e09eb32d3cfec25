import { expect, inject, it, onTestFinished } from 'vitest';
import type { RollingLog } from './fixture/rolling-log.ts';
import type { Part } from './fixture/rolling-saga.ts';
import { RollingScene } from './fixture/rolling-scene.ts';

const all: readonly Part[] = ['hotel', 'insurer', 'airline'];
const waits = { 1: '1: room:applied', 2: '2: insure:applied room:applied' };
const seated = {
  1: '1: room:applied seat:applied',
  2: '2: insure:applied room:applied seat:applied',
};
const undone = { 1: '1: room:undone seat:rejected', 2: '2: insure:undone room:undone seat:rejected' };

/** The log of what does not depend on it: the deployment itself is always shown on Kafka. */
const LOG = inject('full') ? 'kafkajs' : 'local';

async function opened(log: RollingLog): Promise<RollingScene> {
  const scene = await RollingScene.open(inject('stack'), log);
  onTestFinished(() => scene.close());
  return scene;
}

it('S72, G6p: in a rolling deployment old sagas end under their version while new ones begin under the next', async () => {
  const scene = await opened('kafkajs');
  const { asked } = scene.saga;
  const ask = (trip: string): Promise<string> => scene.emit(asked({ trip }));
  const old = scene.deploy(['hotel', 'airline'], [1]);
  await scene.ready(old);
  const early = [await ask('early-seat'), await ask('early-none')];
  for (const instance of early) await scene.until(instance, waits[1]);

  const next = scene.deploy(all, [1, 2]);
  await scene.ready(next);
  const between = [];
  for (let n = 0; n < 6; n += 1) between.push(await ask(`between-${n}`));
  expect(await scene.end(old)).toBe(0);
  const late = [await ask('late-seat'), await ask('late-none')];
  for (const instance of late) await scene.until(instance, waits[2]);
  // Whichever process heard of these first began them; each has one version.
  for (const instance of between) await scene.until(instance, waits[1], waits[2]);

  for (const [trip, found] of [
    ['early-seat', true],
    ['early-none', false],
    ['late-seat', true],
    ['late-none', false],
  ] as const)
    await scene.seat(trip, found);
  for (let n = 0; n < 6; n += 1) await scene.seat(`between-${n}`, n % 2 === 0);
  await scene.until(early[0]!, seated[1]);
  await scene.until(early[1]!, undone[1]);
  await scene.until(late[0]!, seated[2]);
  await scene.until(late[1]!, undone[2]);
  for (const [n, instance] of between.entries()) {
    const ends = n % 2 === 0 ? seated : undone;
    await scene.until(instance, ends[1], ends[2]);
  }
  // The handlers of the saga's own version made all effects and undos.
  const mixed = await scene.rows('select trip from done group by trip having count(distinct version) > 1');
  const own = await scene.rows<{ trip: string; version: number }>(
    `select distinct trip, version from done where trip not like 'between%' order by trip`,
  );
  expect([mixed, own.map(({ trip, version }) => `${trip} ${version}`)]).toEqual([
    [],
    ['early-none 1', 'early-seat 1', 'late-none 2', 'late-seat 2'],
  ]);
  expect(await scene.end(next)).toBe(0);
});

// Planted fault: a check that takes every step that took effect for open keeps the airline, whose step is the pivot, from starting.
it('S72, G6p: a service that drops a version with open sagas is refused at start with saga, version, count and fix', async () => {
  const scene = await opened(LOG);
  const both = scene.deploy(all, [1]);
  await scene.ready(both);
  const first = await scene.emit(scene.saga.asked({ trip: 'a' }));
  const second = await scene.emit(scene.saga.asked({ trip: 'b' }));
  for (const instance of [first, second]) await scene.until(instance, waits[1]);
  await scene.end(both);

  const said = await scene.refused(scene.deploy(['hotel'], [2]));
  expect(said).toContain(
    'cannot start: sagas are open of versions that it has no handlers for: saga roll v1, step room: 2 that took effect within a day and may have to be undone. Include step(…) of those versions beside the new ones until they have ended',
  );
  const again = scene.deploy(all, [1, 2]);
  await scene.ready(again);
  await scene.seat('a', true);
  await scene.seat('b', false);
  await scene.until(first, seated[1]);
  await scene.until(second, undone[1]);
  await scene.end(again);

  // A pivot is never undone: the airline is done with version 1. The hotel is done with it when the day is over.
  const airline = scene.deploy(['airline'], [2]);
  await scene.ready(airline);
  await scene.end(airline);
  expect(await scene.refused(scene.deploy(['hotel'], [2]))).toContain(
    'saga roll v1, step room: 1 that took effect',
  );
  await scene.timePasses('25 hours');
  const hotel = scene.deploy(['hotel'], [2]);
  await scene.ready(hotel);
  await scene.end(hotel);
});
