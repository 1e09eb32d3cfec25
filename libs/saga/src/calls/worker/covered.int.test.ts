import { kyselyTransaction } from '@convergekit/postgres/engine';
import { expect, it } from 'vitest';
import { database, calls, provider, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import { ended, hurried, outcomes, type SceneDb, sharedWith, workRows } from '../../fixture/calls/scene.ts';
import { waitUntil } from '@convergekit/testing';
import { insertWork } from '../work/insert-sql.ts';
import type { WorkOp } from '../work/step-key.ts';
import { sagaWorker } from '../../saga-worker.ts';

sceneForEach();

const ids: readonly string[] = [1, 2, 3, 4].map((n) => `00000000-0000-0000-0000-00000000000${n}`);

async function requests(at: number, step: string, op: WorkOp, state: string): Promise<void> {
  const id = ids[at]!;
  const work = { id, consumer: 'orders', handler: 'trip.pay', call: 'test.keyed', key: step };
  await kyselyTransaction(database.db, {}, async (tx) => {
    await insertWork(tx, {
      ...work,
      idempotencyKey: step,
      input: JSON.stringify({ key: step }),
      cause: { eventId: id, correlationId: id, hops: 0 },
      saga: 'trip',
      instance: 'i',
      step,
      op,
    });
  });
  await database.executor.query(
    `insert into converge.saga_fence (saga, instance, step, version, consumer, key, state, cause_event)
     values ('trip', 'i', $1, 1, 'orders', 'k', $2, 'e')`,
    [step, state],
  );
}

// Planted faults: a claim that never says `covered` has the call made that is to be undone; a row in doubt is called again.
it('no call begins when its step is to be undone: one in doubt is asked for, and an undo is made', async () => {
  await requests(0, 'left_out', 'apply', 'undo_pending');
  await requests(1, 'undone', 'compensate', 'undo_pending');
  await requests(2, 'begun', 'apply', 'started');
  await requests(3, 'in_doubt', 'apply', 'undo_pending');
  // Its first call had no answer, and the breaker refused the second: the provider has not seen it.
  await database.executor.query(
    `update converge.saga_work set attempts = 1, final_at = clock_timestamp() - interval '1 minute',
       story = jsonb_build_array(jsonb_build_object('at', to_char((clock_timestamp() - interval '1 hour') at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'op', 'call', 'durationMs', 1, 'failure', $1::jsonb))
     where key = 'in_doubt'`,
    [{ category: 'network', certainty: 'unknown', code: 'TIMEOUT', message: 'no answer' }],
  );
  const ofSteps = { ...calls.keyed, lockSql: 'select 1 as one from closed' };
  const worker = sagaWorker<SceneDb>([ofSteps], { ...hurried, database });
  await worker.start();
  await ended(database);
  await worker.stop();
  expect(provider.calls.map(({ key }) => key).toSorted()).toEqual(['begun', 'undone']);
  expect(await outcomes(database)).toEqual([
    'begun r-begun',
    'in_doubt COVERED',
    'left_out COVERED',
    'undone r-undone',
  ]);
});

// Planted fault: the claim leaves all that is ready to the open breaker, and the saga waits for as long as the other side is down.
it('a call that was never sent ends without one behind an open breaker when its step is to be undone', async () => {
  const shared = sharedWith({ minimumCalls: 1, open: { baseMs: 600_000, factor: 1, capMs: 600_000 } });
  const ofSteps = { ...calls.keyed, lockSql: 'select 1 as one from closed' };
  const worker = sagaWorker<SceneDb>([ofSteps], { ...hurried, database, shared });
  provider.always('keyed', 'fail');
  await worker.start();
  await requests(0, 'fails', 'apply', 'started');
  const isOpen = () => shared.breakers.get('test.keyed')?.room === 0;
  await waitUntil(isOpen, { what: 'the breaker to be open' });
  await requests(1, 'waits', 'apply', 'started');
  await requests(2, 'left_out', 'apply', 'undo_pending');
  const isEnded = async () => (await workRows(database)).every(({ key }) => key !== 'left_out');
  await waitUntil(isEnded, { what: 'the end of the call that is to be undone' }).finally(() => worker.stop());
  expect(await outcomes(database)).toEqual(['left_out COVERED']);
  expect(provider.calls.map(({ key }) => key)).toEqual(['fails']);
});
