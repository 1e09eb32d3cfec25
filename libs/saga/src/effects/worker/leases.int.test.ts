import { waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { database, effects, sceneForEach } from '../../fixture/effects/provider-scene.ts';
import { ended, hurried, outcomes, request, type SceneDb, workRows } from '../../fixture/effects/scene.ts';
import { claimWork, renewLeases } from '../work/claim-sql.ts';
import { sagaWorker } from '../../saga-worker.ts';

sceneForEach();

async function row(): Promise<{ readonly due: string; readonly term: string }> {
  const sql = 'select due_at::text as due, term from converge.saga_work';
  return (await database.executor.query<{ due: string; term: string }>(sql)).rows[0]!;
}
const dueAt = async (): Promise<string> => (await row()).due;

function claim(leaseMs: number, held: readonly string[] = []) {
  const wanted = [{ effect: 'test.keyed', places: 1, leaseMs, callMs: 60_000, settleMs: 0 }];
  return claimWork(database.executor, 'w', wanted, held);
}

// Planted fault: without the loop that renews, the lease ends where it ended at the claim.
it('a worker renews the lease of a call for as long as the call runs, and records its outcome', async () => {
  await request(database, effects.keyed, ['a']);
  const answer = Promise.withResolvers<string>();
  const revive: typeof effects.keyed.revive = (kept) => ({
    ...effects.keyed.revive(kept),
    call: () => answer.promise,
  });
  const worker = sagaWorker<SceneDb>([{ ...effects.keyed, revive }], {
    ...hurried,
    database,
    leaseMs: 3_000,
  });
  await worker.start();
  await waitUntil(async () => (await workRows(database))[0]?.state === 'calling', { what: 'the call' });
  const claimed = await dueAt();
  const { term } = await row();
  await waitUntil(async () => (await dueAt()) > claimed, { what: 'a renewal' });
  const renewed = await dueAt();
  await waitUntil(async () => (await dueAt()) > renewed, { what: 'another one' });
  expect((await row()).term).toBe(term);
  answer.resolve('{"receipt":"r-a"}');
  expect(await ended(database)).toMatchObject([{ state: 'done', attempts: 0 }]);
  expect(await outcomes(database)).toEqual(['a r-a']);
  await worker.stop();
});

// Planted fault: without the term in `renewSql` the first one takes the row away from the second.
it('a worker renews no lease that another worker has taken', async () => {
  await request(database, effects.keyed, ['a']);
  const [first] = await claim(0);
  const [second] = await claim(60_000);
  const before = await dueAt();
  expect(await renewLeases(database.executor, [first!], 600_000)).toEqual([]);
  expect(await dueAt()).toBe(before);
  expect(await renewLeases(database.executor, [second!], 600_000)).toEqual([second!.id]);
  expect((await dueAt()) > before).toBe(true);
});

// Planted fault: without the list a worker whose leases could not be renewed for a while repeats its own calls.
it('a worker does not take a row that it has at hand, although its lease has ended', async () => {
  await request(database, effects.keyed, ['a']);
  const [first] = await claim(0);
  expect(await claim(0, [first!.id])).toEqual([]);
  expect(await claim(0)).toHaveLength(1);
});

it('"not found" is final by the time of the call, however short the lease is', async () => {
  await request(database, effects.keyed, ['a']);
  await claim(0);
  const [again] = await claim(0);
  expect(again).toMatchObject({ found: 'calling', doubt: true });
  expect(again!.finalInMs).toBeGreaterThan(30_000);
});
