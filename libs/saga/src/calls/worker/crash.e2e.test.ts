import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { Children } from '../../../../testing/src/fixture/children.ts';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { Provider } from '../../fixture/calls/provider.ts';
import {
  ended,
  eventTypes,
  outcomes,
  request,
  type SceneDb,
  sceneDatabase,
  sceneCalls,
  workRows,
} from '../../fixture/calls/scene.ts';

const program = fileURLToPath(new URL('../../fixture/calls/worker-process.ts', import.meta.url));

/** Where workers are killed: at each of them a worker of its own; in the first tier they all have the same work. */
const FAILPOINTS = [
  'saga.before_claim',
  'saga.after_claim',
  'saga.in_call@3',
  'saga.after_call@2',
  'saga.before_commit@2',
  'saga.after_commit@1',
];
const KILLS = inject('full') ? FAILPOINTS.map((one) => [one]) : [FAILPOINTS];

describe('a saga worker that is killed or frozen', () => {
  let provider: Provider;
  let database: Database<SceneDb>;
  let env: NodeJS.ProcessEnv;
  let calls: ReturnType<typeof sceneCalls>;
  const children = new Children();

  beforeEach(async () => {
    provider = new Provider();
    const made = await sceneDatabase(inject('stack').databaseUrl);
    database = made.database;
    const PROVIDER_URL = await provider.start();
    calls = sceneCalls(PROVIDER_URL);
    env = { DATABASE_URL: made.url, PROVIDER_URL };
  });
  afterEach(async () => {
    await children.kill();
    await provider.stop();
    await database.close();
  });

  const start = (extra: NodeJS.ProcessEnv = {}): ChildProcess =>
    children.start(program, { ...env, ...extra });

  // Planted fault: the claim leaves the state at `ready`; `plain` and `blind` are then twice in the ledger.
  it.each(KILLS.map((row) => [row.join(', then '), row] as const))(
    'G6a, G6b: after a saga worker is killed at %s, each call took effect at most once and each intent ends',
    async (_, failpoints) => {
      for (const [at, failpoint] of failpoints.entries()) {
        const keys = (prefix: string): string[] =>
          Array.from({ length: 6 }, (_x, n) => `${prefix}${6 * at + n}`);
        await request(database, calls.keyed, keys('k'));
        await request(database, calls.plain, keys('p'));
        await request(database, calls.blind, keys('b'));
        // Its calls end in time on a slow machine too: else it may never pass the point. One that may be in flight is waited for.
        const killed = start({ CONVERGE_FAILPOINT: failpoint, CALL_MS: '10000' });
        expect((await once(killed, 'exit'))[1], failpoint).toBe('SIGKILL');
      }
      const next = start();
      const rows = await ended(database);
      expect(rows).toHaveLength(18 * failpoints.length);
      next.kill('SIGTERM');
      expect((await once(next, 'exit'))[0]).toBe(0);
      for (const row of rows) {
        expect(provider.times(row.key)).toBeLessThanOrEqual(1);
        if (row.state === 'stuck') expect([row.key[0], row.stuck_reason]).toEqual(['b', 'outcome_unknown']);
        else expect([row.key, row.state, provider.times(row.key)]).toEqual([row.key, 'done', 1]);
      }
      const done = rows.filter(({ state }) => state === 'done').map(({ key }) => key);
      expect(await outcomes(database)).toEqual(done.map((key) => `${key} r-${key}`).toSorted());
      expect(await eventTypes(database)).toEqual(done.map((key) => `${key} test.succeeded`).toSorted());
    },
  );

  // Planted fault: with a lease for as long as the calls may take, the test waits for an hour.
  it('the calls of a killed saga worker are taken up long before their time is over', async () => {
    const keys = Array.from({ length: 4 }, (_, n) => `k${n}`);
    await request(database, calls.keyed, keys);
    provider.modes.set('keyed', ['hang', 'hang', 'hang', 'hang']);
    const patient = { CALL_MS: '3600000' };
    const killed = start(patient);
    await waitUntil(() => provider.calls.length === 4, { what: 'the calls to be under way' });
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const next = start(patient);
    const rows = await ended(database);
    next.kill('SIGTERM');
    expect((await once(next, 'exit'))[0]).toBe(0);
    expect(rows.map(({ key, state, attempts, queries }) => [key, state, attempts, queries])).toEqual(
      keys.map((key) => [key, 'done', 1, 1]),
    );
    expect(keys.map((key) => provider.times(key))).toEqual([1, 1, 1, 1]);
  });

  it('a saga worker that froze in a call writes nothing when it wakes up after another worker recorded the outcome', async () => {
    await request(database, calls.keyed, ['a']);
    // No time limit ends the query on a slow machine: the lease is short all the same.
    const patient = { CALL_MS: '240000' };
    const zombie = start({ FREEZE: 'call', ...patient });
    const frozen = Promise.withResolvers<undefined>();
    zombie.stdout!.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('in call')) frozen.resolve(undefined);
    });
    await frozen.promise;
    const owner = start(patient);
    expect(await ended(database)).toMatchObject([{ state: 'done', queries: 1 }]);
    zombie.kill('SIGCONT');
    // The woken worker continues: its state of the first row is gone, and it takes the next row as usual.
    owner.kill('SIGTERM');
    await once(owner, 'exit');
    await request(database, calls.keyed, ['b']);
    await waitUntil(async () => (await workRows(database)).every(({ state }) => state === 'done'), {
      what: 'the next',
    });
    zombie.kill('SIGTERM');
    expect((await once(zombie, 'exit'))[0]).toBe(0);
    expect([provider.calls.length, await outcomes(database)]).toEqual([2, ['a r-a', 'b r-b']]);
    expect(await eventTypes(database)).toEqual(['a test.succeeded', 'b test.succeeded']);
  });
});
