import { ConvergeError } from '@convergekit/core';
import { countFailedCalls } from '@convergekit/saga/operate';
import { migrate } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { SagaScene } from '../../../saga/src/fixture/saga-scene.ts';
import { normalise } from '../../../cli/src/fixture/normalise.ts';
import { type TripDb, tripSaga, tripTables } from '../../../cli/src/fixture/trip-saga.ts';
import { readCalls } from '../history/calls.ts';
import { windowsAround } from '../history/window.ts';
import { readNarrative } from './read-narrative.ts';
import { renderNarrative } from './render-narrative.ts';

let charges = 0;
const { asked, consumers } = tripSaga(
  'ended',
  {
    charge: () => {
      charges += 1;
      if (charges > 2) return Promise.resolve(undefined);
      const options = { code: 'ECONNREFUSED', category: 'network', certainty: 'not_applied' } as const;
      return Promise.reject(new ConvergeError('the bank is away', options));
    },
    refund: () => Promise.resolve(),
    hasSeats: () => true,
  },
  60_000,
);
let scene: SagaScene<TripDb>;
beforeAll(async () => {
  scene = await SagaScene.open<TripDb>(inject('stack').databaseUrl, tripTables);
  await migrate(scene.database, [relayMigrations]);
  await scene.start(consumers);
});
afterAll(() => scene.close());

/**
 * Planted faults, each seen to fail here: a decision without the work that it ended; histories that read open work only; failed
 * attempts that are not counted.
 */
it('S24, S60: a call of a step leaves the queue with its outcome, and its attempts stay in narrative, history and counts', async () => {
  const instance = await scene.emit(asked({ trip: 't-1' }));
  await scene.until(instance, 'pay:applied room:applied seat:applied');
  const { executor } = scene.database;
  expect(await scene.rows('select from converge.saga_work', [])).toEqual([]);

  const named = [{ name: 'trips', database: scene.database as never }];
  const narrative = await readNarrative(named, instance);
  const text = normalise(renderNarrative(narrative));
  expect(text).toContain('pay: its call is intended, outside the transaction');
  expect(text).toMatch(/apply of pay, call 1: failed .* with ECONNREFUSED/);
  expect(text).toMatch(/apply of pay, call 3: applied/);

  const began = narrative.entries.find((one) => one.kind === 'decision' && one.step === 'pay');
  const { causeEvent = '' } = began?.kind === 'decision' ? began : {};
  const found = await readCalls(executor, [causeEvent], windowsAround([Date.now()], 60_000));
  expect(found.map((one) => (one.kind === 'call' ? one.state : (one.failure?.code ?? one.found)))).toEqual([
    ...['done', 'ECONNREFUSED', 'ECONNREFUSED', 'applied'],
  ]);
  expect(await readCalls(executor, [causeEvent], windowsAround([0], 60_000))).toEqual([]);

  const from = new Date(Date.now() - 3_600_000);
  expect(await countFailedCalls(executor, { from, spanMs: 7_200_000, spans: 1 })).toEqual([2]);
});
