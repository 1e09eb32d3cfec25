import { waitUntil } from '@convergekit/testing';
import { expect, inject, it } from 'vitest';
import type { SweepRecords } from '../effect/types.ts';
import { hurried, type SceneDb, sceneDatabase, sceneEffects } from '../../fixture/effects/scene.ts';
import { sagaWorker } from './saga-worker.ts';

// Planted faults: without the call of `sweep` nothing is swept; without the longest version the records of `s` are kept 5 ms.
it('a worker sweeps the records of the sagas of its effects, and keeps them as long as the longest version requires', async () => {
  const swept: (readonly (readonly [string, number])[])[] = [];
  const sweep: SweepRecords = ({ keepMs }) => {
    swept.push([...keepMs]);
    return Promise.resolve(0);
  };
  const of = (name: string, keepMs: number) => ({ saga: { name, keepMs, sweep } });
  const { database } = await sceneDatabase(inject('stack').databaseUrl);
  const { keyed, plain, blind } = sceneEffects('http://127.0.0.1:1');
  const worker = sagaWorker<SceneDb>(
    [
      { ...keyed, ...of('s', 7) },
      { ...plain, ...of('s', 5) },
      { ...blind, ...of('t', 3) },
    ],
    { ...hurried, database },
  );
  await worker.start();
  try {
    await waitUntil(() => swept.length > 0, { what: 'the records to be swept' });
    expect(swept[0]).toEqual([
      ['s', 7],
      ['t', 3],
    ]);
  } finally {
    await worker.stop();
    await database.close();
  }
});
