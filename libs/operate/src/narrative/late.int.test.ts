/**
 * Planted faults, each seen to fail here: a timer that is over and shown as running; turns of calls that are left out.
 */
import { migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { sagaObserver } from '@convergekit/saga';
import { waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SagaScene } from '../../../saga/src/fixture/saga-scene.ts';
import { normalise } from '../../../cli/src/fixture/normalise.ts';
import { type TripDb, tripSaga, tripTables } from '../../../cli/src/fixture/trip-saga.ts';
import { readNarrative } from './read-narrative.ts';
import { renderNarrative } from './render-narrative.ts';

const answer = Promise.withResolvers<undefined>();
const { trip, asked, consumers } = tripSaga(
  'late',
  { charge: () => answer.promise, refund: () => Promise.resolve(), hasSeats: () => true },
  200,
);
let scene: SagaScene<TripDb>;
beforeAll(async () => {
  scene = await SagaScene.open<TripDb>(inject('stack').databaseUrl, tripTables);
  await migrate(scene.database, [relayMigrations]);
  const observer = sagaObserver<TripDb>({ sagas: [trip.declaration], from: 'first' });
  await scene.start([...consumers, observer], { leaseMarginMs: 2_000 });
});
afterAll(() => scene.close());

it('S24, G8a: a call that succeeds after the time of its step is over is shown as late, and is undone', async () => {
  const instance = await scene.emit(asked({ trip: 't-1' }));
  await scene.until(instance, 'pay:undo_pending room:applied');
  answer.resolve(undefined);
  await waitUntil(
    async () => {
      const rows = await scene.rows('select from converge.saga_instance where instance = $1 and state = $2', [
        instance,
        'compensated',
      ]);
      return rows.length === 1;
    },
    { what: 'the saga to be compensated' },
  );
  const narrative = await readNarrative([{ name: 'trips', database: scene.database as never }], instance);
  const text = normalise(renderNarrative(narrative));
  await expect(text).toMatchFileSnapshot(new URL('golden/late.txt', import.meta.url).pathname);
});
