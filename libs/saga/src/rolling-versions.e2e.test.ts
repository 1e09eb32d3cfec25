import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import type { RollingLog } from './fixture/rolling-log.ts';
import { RollingScene } from './fixture/rolling-scene.ts';

const waits = { 2: '2: insure:applied room:applied' };

/** The log of what does not depend on it: the deployment itself is always shown on Kafka. */
const LOG = inject('full') ? 'kafkajs' : 'local';

async function opened(log: RollingLog): Promise<RollingScene> {
  const scene = await RollingScene.open(inject('stack'), log);
  onTestFinished(() => scene.close());
  return scene;
}

// Planted faults: without `emit_again` the insurance of the first trip stays for ever, under a saga that no step ends; with
// an undo that does not ask for the version its room is given back before its insurance; a cancellation that each version
// looks up by itself never finds the second trip.
it('a saga is cancelled in its own version, whichever version the cancelling service knows', async () => {
  const scene = await opened(LOG);
  const { asked, calledOff } = scene.saga;
  const old = scene.deploy(['airline'], [1]);
  await scene.ready(old);
  const rest = scene.deploy(['hotel', 'insurer'], [1, 2]);
  await scene.ready(rest);
  const first = await scene.emit(asked({ trip: 'first' }));
  await scene.until(first, waits[2]);
  await heard(scene, first);
  await scene.end(old);
  const airline = scene.deploy(['airline'], [1, 2]);
  await scene.ready(airline);
  const second = await scene.emit(asked({ trip: 'second' }));
  await scene.until(second, waits[2]);
  await scene.emit(calledOff({ trip: 'second' }));
  await scene.until(second, '2: insure:undone room:undone seat:tombstoned');
  await scene.emit(calledOff({ trip: 'first' }));
  await scene.until(first, '2+1: insure:undone room:undone seat:tombstoned');
  const did = await scene.rows<{ line: string }>(
    `select concat_ws(' ', what, step, version) as line from done where trip = 'first' order by done.line`,
  );
  expect(did.map(({ line }) => line)).toEqual([
    'apply room 2',
    'apply insure 2',
    'undo insure 2',
    'undo room 2',
  ]);
  await scene.end(airline);
  await scene.end(rest);
});

// Planted fault: an old process that skips what it does not know (without `isAhead`) leaves the saga half done, for ever and
// unseen: its seat never begins.
it('a saga of a version that a service does not know yet waits there for a process that knows it', async () => {
  const scene = await opened(LOG);
  const old = scene.deploy(['airline'], [1]);
  const hotel = scene.deploy(['hotel'], [1, 3]);
  for (const one of [old, hotel]) await scene.ready(one);
  const instance = await scene.emit(scene.saga.asked({ trip: 'ahead' }));
  await scene.seat('ahead', true);
  await waitUntil(
    async () =>
      (await scene.rows(`select from converge.parked where key = 'ahead' and state = 'waiting'`)).length ===
      1,
    { what: 'the old airline to park it' },
  );
  expect(await scene.stands(instance)).toBe('3: room:applied');
  await scene.end(old);
  const airline = scene.deploy(['airline'], [1, 3]);
  await scene.ready(airline);
  await scene.until(instance, '3: room:applied seat:applied');
  await scene.end(airline);
  await scene.end(hotel);
});

/** The airline has heard of the start, and noted the only version that it knew. */
async function heard(scene: RollingScene, instance: string): Promise<void> {
  const noted = 'select from converge.saga_start where instance = $1 and version = 1';
  await waitUntil(async () => (await scene.rows(noted, [instance])).length === 1, {
    what: 'the airline to hear of the start',
  });
}
