import { waitUntil } from '@convergekit/testing';
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
  const strangers = await scene.rows(
    `select d.* from done d join converge.saga_fence f on f.key = d.trip and f.step = d.step where f.version <> d.version`,
  );
  expect(strangers).toEqual([]);
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
  // Planted fault: a consumer that registers before it is checked has older members wait for types of a version that never ran.
  expect(await scene.rows(`select from converge.inbox_type where type like '%@roll/2'`)).toEqual([]);
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
  await scene.rows(`update converge.saga_fence set changed_at = changed_at - interval '25 hours'`);
  const hotel = scene.deploy(['hotel'], [2]);
  await scene.ready(hotel);
  await scene.end(hotel);
});

// Planted faults: without `emit_again` the insurance of the first trip stays for ever, under a saga that no step ends; with
// an undo that does not ask for the version its room is given back before its insurance; a cancellation that each version
// looks up by itself never finds the second trip.
it('G6p: a saga is cancelled in its own version, whichever version the cancelling service knows', async () => {
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
