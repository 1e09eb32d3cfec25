import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import { hurried, type SceneDb, sceneDatabase, sceneCalls } from './fixture/calls/scene.ts';
import { sagaWorker } from './saga-worker.ts';

const DAY = 86_400_000;

// Planted faults: without the call of `sweepRecords` nothing is swept; without the longest version the records of `s` are kept 5 days.
it('a worker sweeps the records of the sagas of its calls, and keeps them as long as the longest version requires', async () => {
  const of = (name: string, days: number) => ({ saga: { name, keepMs: days * DAY } });
  const { database } = await sceneDatabase(inject('stack').databaseUrl);
  const { keyed, plain, blind } = sceneCalls('http://127.0.0.1:1');
  const worker = sagaWorker<SceneDb>(
    [
      { ...keyed, ...of('s', 7) },
      { ...plain, ...of('s', 5) },
      { ...blind, ...of('t', 3) },
    ],
    { ...hurried, database },
  );
  const horizons = async () =>
    (
      await database.executor.query<{ saga: string; days: number }>(
        `select saga, round(extract(epoch from raised_at - before) / 86400)::int as days from converge.saga_horizon order by saga`,
      )
    ).rows;
  await worker.start();
  try {
    await waitUntil(async () => (await horizons()).length === 2, { what: 'the records to be swept' });
    expect(await horizons()).toEqual([
      { saga: 's', days: 7 },
      { saga: 't', days: 3 },
    ]);
  } finally {
    await worker.stop();
    await database.close();
  }
});
