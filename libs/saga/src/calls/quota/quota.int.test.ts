import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { database, provider, sceneForEach } from '../../fixture/calls/provider-scene.ts';
import {
  ended,
  eventTypes,
  hurried,
  outcomes,
  request,
  type SceneDb,
  sceneCalls,
  workRows,
} from '../../fixture/calls/scene.ts';
import { listWork, readWork } from '../operate/work-sql.ts';
import type { WorkerCall } from '../work/worker-call.ts';
import { sagaWorker } from '../../saga-worker.ts';
import { admission, takeQuota } from './admission.ts';
import { claimWithinQuotas } from './claim-quota-sql.ts';
import { declareQuotas, takeCall } from './quota-sql.ts';
import type { Quota } from './quota.ts';

sceneForEach();
beforeEach(() => {
  provider.calls.length = 0;
  provider.effects.length = 0;
  provider.modes.clear();
});

/** Two calls at once, and then one an hour. */
const hourly: Quota = { name: 'bank', perSecond: 1 / 3_600, burst: 2 };
const names = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);

/** Effects whose attempts a loaded machine does not cut off. */
const patient = (quota?: Quota, attempts = 1) =>
  sceneCalls(provider.url, { attempts, attemptTimeoutMs: 300_000, deadlineMs: 600_000 }, quota);
type SceneEffect = WorkerCall<SceneDb, { readonly key: string }>;

async function work(some: readonly SceneEffect[]): Promise<void> {
  const worker = sagaWorker<SceneDb>(some, { ...hurried, leaseMs: 60_000, database });
  onTestFinished(() => worker.stop());
  await worker.start();
}

const waiting = async (): Promise<readonly string[]> =>
  (await listWork(database.executor, { states: ['ready', 'unknown'], limit: 100 })).flatMap(
    ({ key, awaitsQuota }) => (awaitsQuota === 'bank' ? [key] : []),
  );

describe('work behind a quota', () => {
  it('S6, S58: calls that a quota has none left for wait, unclaimed, with the quota as their reason', async () => {
    const { keyed } = patient(hourly);
    await request(database, keyed, names('k', 5));
    await work([keyed]);
    await waitUntil(async () => (await waiting()).length === 3, {
      what: 'three calls to wait for the quota',
    });
    await waitUntil(async () => (await outcomes(database)).length === 2, { what: 'two outcomes' });
    const rows = await listWork(database.executor, { states: ['ready'], limit: 100 });
    expect(rows.map(({ key, holder, attempts }) => [key, holder, attempts])).toEqual([
      ['k2', null, 0],
      ['k3', null, 0],
      ['k4', null, 0],
    ]);
    expect(await readWork(database.executor, rows[0]!.id)).toMatchObject({ awaitsQuota: 'bank' });
    expect(provider.calls.map(({ key }) => key).toSorted()).toEqual(['k0', 'k1']);
  });

  it('calls of one quota share it, and the oldest work goes first', async () => {
    const calls = { ...patient(hourly), blind: patient().blind };
    await request(database, calls.plain, ['p0']);
    await request(database, calls.keyed, ['k0', 'k1', 'k2']);
    await request(database, calls.blind, ['b0']);
    await work(Object.values(calls));
    await waitUntil(async () => (await waiting()).length === 2, { what: 'two calls to wait for the quota' });
    await waitUntil(async () => (await outcomes(database)).length === 3, { what: 'three outcomes' });
    expect(provider.calls.map(({ key }) => key).toSorted()).toEqual(['b0', 'k0', 'p0']);
  });

  it('no lock of a quota is held while a call runs', async () => {
    provider.always('keyed', 'hang');
    const { keyed } = patient(hourly);
    await request(database, keyed, ['k0']);
    await work([keyed]);
    await waitUntil(() => provider.calls.length > 0, { what: 'the call' });
    const { rows } = await database.executor.query(`select name from converge.call_quota for update nowait`);
    expect(rows).toEqual([{ name: 'bank' }]);
  });

  // Planted fault: with a quota that answered rows need as well, the outcome is never recorded.
  it('an outcome is recorded when its quota has no call left', async () => {
    const { keyed } = patient({ ...hourly, burst: 1 });
    let broken = true;
    const revive: SceneEffect['revive'] = (stored) => {
      const revived = keyed.revive(stored);
      return {
        ...revived,
        succeeded: async (result, context) => {
          await revived.succeeded(result, context);
          if (broken) throw new TypeError('a fault of the application');
        },
      };
    };
    await request(database, keyed, ['k0']);
    await work([{ ...keyed, revive }]);
    await ended(database, ['answered']);
    broken = false;
    await ended(database, ['done']);
    expect([provider.calls.length, await eventTypes(database)]).toEqual([1, ['k0 test.succeeded']]);
  });

  // Planted fault: attempts that are not admitted make three calls.
  it('a retry within a run takes a call of the quota, and without one the run ends with the failure of the call', async () => {
    provider.always('keyed', 'fail');
    const { keyed } = patient(hourly, 3);
    await request(database, keyed, ['k0']);
    await work([keyed]);
    await waitUntil(async () => (await waiting()).length === 1, {
      what: 'the next run to wait for the quota',
    });
    const [row] = await workRows(database);
    expect([provider.calls.length, row!.attempts]).toEqual([2, 2]);
    expect(JSON.parse(row!.story)).toMatchObject([
      { failure: { code: 'HTTP_503' }, wait: { rule: 'backoff', budgetLeft: expect.any(Number) as number } },
      { failure: { code: 'HTTP_503' } },
    ]);
  });

  it('a worker with two rates for one quota does not start', () => {
    const some = [patient(hourly).keyed, patient({ ...hourly, burst: 3 }).plain];
    expect(() => sagaWorker<SceneDb>(some, { database })).toThrow(
      'quota bank is declared with different rates',
    );
  });
});

describe('the calls of a quota', () => {
  // Planted fault: a quota that is read without a lock gives some calls twice.
  it('claims and single calls at the same time take no call twice', async () => {
    const quota = { ...hourly, burst: 23 };
    await declareQuotas(database.executor, [quota]);
    await request(database, patient().keyed, names('k', 40));
    const wanted = { call: 'test.keyed', places: 3, leaseMs: 60_000, callMs: 60_000, settleMs: 0, quota };
    const claims = names('w', 12).map(
      async (holder) => (await claimWithinQuotas(database.executor, holder, [wanted])).claimed.length,
    );
    const singles = names('', 12).map(async () =>
      (await takeCall(database.executor, quota, 0)).isTaken ? 1 : 0,
    );
    const taken = await Promise.all([...claims, ...singles]);
    let rest = 0;
    while ((await takeCall(database.executor, quota, 0)).isTaken) rest += 1;
    expect(taken.reduce((sum, one) => sum + one, rest)).toBe(23);
  });

  // Planted faults: a quota that rounds up, or gives each of its calls the whole of it, lets one call too many begin.
  it.each([
    [0.5, 0],
    [1.5, 1],
    [2.5, 2],
    [2.99, 2],
    [100, 3],
  ])(
    'G6n: of %s earned calls, of which three are kept at most, %s begin, by claims as by single calls',
    async (earned, begin) => {
      const quota = { ...hourly, burst: 3 };
      await declareQuotas(database.executor, [quota]);
      const earn = () =>
        database.executor.query(
          `update converge.call_quota set earned_at = clock_timestamp() - $1::float8 * interval '1 hour'`,
          [earned],
        );
      const { keyed, plain } = patient(quota);
      for (const call of [keyed, plain]) await request(database, call, names(call.name, 5));
      const wanted = [keyed, plain].map(({ name }) => ({
        call: name,
        places: 5,
        leaseMs: 60_000,
        callMs: 60_000,
        settleMs: 0,
        quota,
      }));
      await earn();
      const first = await claimWithinQuotas(database.executor, 'w', wanted);
      const second = await claimWithinQuotas(database.executor, 'w', wanted);
      expect([first.claimed.length, second.claimed.length]).toEqual([begin, 0]);
      await earn();
      const takes: boolean[] = [];
      for (let take = 0; take < 5; take += 1)
        takes.push((await takeCall(database.executor, quota, 0)).isTaken);
      expect(takes.filter(Boolean)).toHaveLength(begin);
    },
  );

  it('calls that are taken in advance follow each other at the rate', async () => {
    const quota: Quota = { name: 'ledger', perSecond: 50, burst: 2 };
    const begun = performance.now();
    const at = await Promise.all(
      names('', 10).map(async () => {
        await takeQuota(database, quota);
        return performance.now() - begun;
      }),
    );
    const earliest = at.toSorted((a, b) => a - b).map((ms, index) => ms - Math.max(0, index - 1) * 20);
    expect(Math.min(...earliest)).toBeGreaterThanOrEqual(0);
  });

  it('a call that was taken too long ago is replaced by another one', async () => {
    const quota = { ...hourly, burst: 1 };
    const late = admission(database.executor, quota, {
      clock: systemClock,
      takenUntil: systemClock.monotonic(),
    });
    await late(10_000);
    await expect(late(10_000)).rejects.toMatchObject({
      code: 'QUOTA_USED_UP',
      category: 'throttle',
      certainty: 'not_applied',
    });
  });

  it('a quota begins anew when the clock of the database was set back', async () => {
    await declareQuotas(database.executor, [hourly]);
    await database.executor.query(
      `update converge.call_quota set earned_at = clock_timestamp() + interval '1 day'`,
    );
    // The quota is empty at the present time: its next call comes within its rate, not after a day.
    const { waitMs } = await takeCall(database.executor, hourly, 0);
    expect(waitMs).toBeLessThanOrEqual(3_600_000);
  });

  it('work without a quota is claimed beside work that waits for one', async () => {
    const quota = { ...hourly, burst: 1 };
    await declareQuotas(database.executor, [quota]);
    await request(database, patient().keyed, ['k0', 'k1']);
    await request(database, patient().blind, ['b0']);
    const common = { places: 5, leaseMs: 60_000, callMs: 60_000, settleMs: 0 };
    const wanted = [
      { ...common, call: 'test.keyed', quota },
      { ...common, call: 'test.blind' },
    ];
    const first = await claimWithinQuotas(database.executor, 'w', wanted);
    expect(first.claimed.map(({ key }) => key).toSorted()).toEqual(['b0', 'k0']);
    expect(first.nextInMs).toBeGreaterThan(3_000_000);
    expect(await claimWithinQuotas(database.executor, 'w', wanted)).toMatchObject({ claimed: [] });
  });
});
