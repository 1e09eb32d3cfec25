import { waitUntil } from '@convergekit/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { WorkerCall } from '../work/worker-call.ts';
import { database, calls, provider, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import {
  hurried,
  outcomes,
  patient,
  request,
  type SceneDb,
  sceneCalls,
  workRows,
} from '../../fixture/calls/scene.ts';
import type { WorkAttempt } from '../work/work.ts';
import type { SagaWorkerOptions } from './options.ts';
import { sagaWorker } from '../../saga-worker.ts';

const stops: (() => Promise<void>)[] = [];
sceneForEach();
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function work(
  called: WorkerCall<SceneDb>,
  more: Partial<SagaWorkerOptions<SceneDb>> = {},
): Promise<void> {
  const worker = sagaWorker<SceneDb>([called], { ...hurried, leaseMs: 60_000, database, ...more });
  stops.push(() => worker.stop());
  await worker.start();
}
const storyOf = (row: { story: string }) => JSON.parse(row.story) as readonly WorkAttempt[];
const notFinal = (row: { story: string }) => storyOf(row).at(-1)?.wait?.rule === 'not_final';

/** Ends the time in which a call may still be on its way, of work that waits for that. */
async function endDoubt(): Promise<void> {
  await database.executor.query(
    `update converge.saga_work set final_at = null, due_at = clock_timestamp()
      where state = 'unknown' and due_at > clock_timestamp() + interval '1 minute'`,
  );
}

describe('an unknown outcome', () => {
  it.each([
    ['keyed', 'reply_lost'],
    ['keyed', 'request_lost'],
    ['keyed', 'hang'],
    ['plain', 'reply_lost'],
    ['plain', 'request_lost'],
    ['plain', 'hang'],
  ] as const)('a %s call with %s is queried, and its effect happens once', async (kind, mode) => {
    provider.modes.set(kind, [mode]);
    const limits = mode === 'hang' ? { attemptTimeoutMs: 500, deadlineMs: 1_000 } : patient;
    const asking = sceneCalls(provider.url, limits)[kind];
    await request(database, asking, ['a']);
    await work(asking, { leaseMarginMs: 600_000 });
    // "Not found" is believed only once nothing can be on its way any more: that is in ten minutes, and then now.
    const waits = kind === 'plain' && mode !== 'reply_lost';
    if (waits) {
      await waitUntil(async () => notFinal((await workRows(database))[0]!), {
        what: 'a query that is not final',
      });
      expect(provider.times('a')).toBe(0);
    }
    const [row] = await waitUntil(
      async () => {
        if (waits) await endDoubt();
        const rows = await workRows(database);
        return rows.every(({ state }) => state === 'done') ? rows : undefined;
      },
      { what: 'the call to be done' },
    );
    expect([provider.times('a'), await outcomes(database)]).toEqual([1, ['a r-a']]);
    const sent = storyOf(row!).filter(({ failure }) => failure?.code !== 'LEASE_OVER');
    for (const [at, { op }] of sent.entries())
      if (op === 'call' && at > 0) expect(sent[at - 1]).toMatchObject({ op: 'query', found: 'not_found' });
    expect(row!.queries).toBeGreaterThanOrEqual(1);
    // The time limit that ends the hanging call may end a later one on a slow machine.
    if (mode === 'hang') expect(row!.attempts).toBeGreaterThanOrEqual(2);
    else expect(row!.attempts).toBe(mode === 'reply_lost' ? 1 : 2);
    expect(storyOf(row!).some(({ wait }) => wait?.rule === 'not_final')).toBe(waits);
  });

  // Planted fault: by the database's clock alone the second worker makes the call again, and it takes effect twice.
  it('a database clock that jumps ahead while a call is on its way does not make "not found" final', async () => {
    const answer = Promise.withResolvers<string>();
    const asked: string[] = [];
    const revive: typeof calls.plain.revive = (kept) => ({
      ...calls.plain.revive(kept),
      call: () => {
        asked.push('call');
        return answer.promise;
      },
      query: () => {
        asked.push('query');
        return Promise.resolve({ kind: 'not_found' });
      },
    });
    await request(database, calls.plain, ['a']);
    await work({ ...calls.plain, revive });
    await waitUntil(() => asked.length > 0, { what: 'the call' });
    // A failover to a primary whose clock is an hour ahead: the stored times are an hour older.
    await database.executor.query(
      `update converge.saga_work set due_at = due_at - interval '1 hour', final_at = final_at - interval '1 hour'`,
    );
    await work({ ...calls.plain, revive });
    const isPutOff = async () => (await workRows(database))[0]?.state === 'unknown' || asked.length > 2;
    await waitUntil(isPutOff, { what: 'a query of the other worker' });
    expect(asked).toEqual(['call', 'query']);
    answer.resolve('{"receipt":"r-a"}');
  });
});
