import type { ReceivedEvent } from '@convergekit/contracts';
import { connect } from '@convergekit/postgres';
import { kyselyTransaction } from '@convergekit/postgres/engine';
import { expect, inject, it } from 'vitest';
import { database, calls, provider, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import { ended, hurried, outcomes, type SceneDb } from '../../fixture/calls/scene.ts';
import { sagaWorker } from '../../saga-worker.ts';

const HOUR_MS = 3_600_000;
sceneForEach();

// Planted fault: a worker that is not woken looks again after an hour, and the test waits for it.
it('work that a transaction of the same process committed wakes the worker, and a retry comes when it is due', async () => {
  provider.modes.set('keyed', ['fail']);
  const worker = sagaWorker<SceneDb>([calls.keyed], { ...hurried, database, pollMs: HOUR_MS });
  await worker.start();
  const asks = async (key: string, fails: boolean): Promise<void> => {
    await kyselyTransaction(database.db, {}, async (tx) => {
      const event = { id: key, key, position: {}, hops: 0 } as unknown as ReceivedEvent;
      await calls.keyed.request({ key }, { tx, consumer: 'orders', handler: 'test', event });
      if (fails) throw new RangeError(key);
    });
  };
  await expect(asks('never', true)).rejects.toThrow('never');
  await asks('a', false);
  expect(await ended(database)).toMatchObject([{ key: 'a', state: 'done', attempts: 2 }]);
  await asks('b', false);
  await ended(database);
  expect(await outcomes(database)).toEqual(['a r-a', 'b r-b']);
  await worker.stop();
});

// Planted fault: a worker that listens to its own pool only looks again after an hour.
it('work that another pool of the same process committed wakes a worker that was given the pool', async () => {
  const { rows } = await database.executor.query<{ name: string }>('select current_database() as name');
  const url = new URL(inject('stack').databaseUrl);
  url.pathname = `/${rows[0]?.name ?? ''}`;
  const requests = connect<SceneDb>({ url: url.href, max: 2 });
  const options = { ...hurried, database, wokenBy: [requests], pollMs: HOUR_MS };
  const worker = sagaWorker<SceneDb>([calls.keyed], options);
  try {
    await worker.start();
    await kyselyTransaction(requests.db, {}, async (tx) => {
      const event = { id: 'c', key: 'c', position: {}, hops: 0 } as unknown as ReceivedEvent;
      await calls.keyed.request({ key: 'c' }, { tx, consumer: 'orders', handler: 'test', event });
    });
    expect(await ended(database)).toMatchObject([{ key: 'c', state: 'done' }]);
  } finally {
    await worker.stop();
    await requests.close();
  }
});
