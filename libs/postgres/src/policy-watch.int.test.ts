import { ConvergeError } from '@convergekit/core';
import { operation, SharedGuards } from '@convergekit/resilience';
import { stressService } from '@convergekit/core/service-stress';
import { faultProxy, freshDatabase, manualClock, waitUntil } from '@convergekit/testing';
import { migratedDatabase, waitsForLock } from '@convergekit/testing/engine';
import { beforeEach, expect, inject, it } from 'vitest';
import { connect, type Database } from './connect.ts';
import { readPolicyHistory, readPolicyVersion, setPolicyRule } from './policy-table.ts';
import { policyWatch } from './policy-watch.ts';
import { withTransaction } from './transaction.ts';

let url: string;
let database: Database;

beforeEach(async () => {
  ({ url, database } = await migratedDatabase(inject('stack').databaseUrl, []));
  return () => database.close();
});

const layers = [
  { source: 'code', rules: { payment: { attempts: 4, backoff: { baseMs: 100, factor: 1, capMs: 100 } } } },
];
const set = (name: string, change: unknown, by = 'ada', reason = 'the bank is slow today') =>
  setPolicyRule(database.executor, { name, change, by, reason });
const watch = () => policyWatch({ executor: database.executor, layers, clock: manualClock() });

it('S36, S18: a changed policy applies without a restart: from the next call on, not to the one in flight', async () => {
  const policies = watch();
  await policies.start();
  const clock = manualClock();
  const random = (): number => 0.5;
  const guards = { clock, random, shared: new SharedGuards({ policies, clock, random }) };
  const calls: string[] = [];
  const charge = operation({
    name: 'payment.charge',
    idempotency: 'idempotent',
    call: (who: string): Promise<never> => {
      calls.push(who);
      return Promise.reject(
        new ConvergeError('down', { code: 'X', category: 'network', certainty: 'not_applied' }),
      );
    },
  });
  const inFlight = charge.run('before', guards).catch(() => undefined);
  const version = await set('payment', { attempts: 2 });
  expect(await policies.look()).toMatchObject({ version, refused: [] });
  const next = charge.run('after', guards).catch(() => undefined);
  while (clock.sleepers > 0) await clock.advance(100);
  await Promise.all([inFlight, next]);
  expect(calls.toSorted()).toEqual(['after', 'after', 'before', 'before', 'before', 'before']);
  await policies.stop();
});

it('S36: every change leaves an audit row (who, when, before, after, why), also one made by hand', async () => {
  const first = await set('payment', { attempts: 7 });
  const second = await set('payment', {}, 'bob', 'the bank is well again');
  await database.executor.query(
    `update converge.policy set change = '{"attempts": 9}', changed_by = 'psql', reason = 'by hand'`,
  );
  const history = await readPolicyHistory(database.executor, { name: 'payment', limit: 10 });
  expect(history).toMatchObject([
    { before: {}, after: { attempts: 9 }, changedBy: 'psql', reason: 'by hand' },
    {
      version: second,
      before: { attempts: 7 },
      after: {},
      changedBy: 'bob',
      reason: 'the bank is well again',
    },
    { version: first, before: null, after: { attempts: 7 }, changedBy: 'ada' },
  ]);
  expect(history.every(({ changedAt, role }) => changedAt instanceof Date && role !== '')).toBe(true);
  expect(
    await setPolicyRule(database.executor, {
      name: 'payment',
      change: {},
      by: 'eve',
      reason: 'did not look',
      expected: first ?? 0,
    }),
  ).toBeUndefined();
  await expect(database.executor.query('delete from converge.policy')).rejects.toThrow('is not deleted');
  await expect(set('payment', {}, 'ada', ' ')).rejects.toThrow('policy_reason_check');
});

it('an invalid row is refused with the reason; the last valid one and the others apply', async () => {
  const policies = watch();
  await set('payment', { attempts: 7 });
  await policies.look();
  const wrong = await set('payment', { attempts: 'many' });
  await set('stock', { attempts: 2 });
  const { refused } = await policies.look();
  expect([policies.for('payment.charge').attempts, policies.for('stock').attempts]).toEqual([7, 2]);
  expect(refused).toMatchObject([
    { name: 'payment', version: wrong, reason: expect.stringContaining('payment.attempts: ') },
  ]);
  await set('payment', {});
  expect(await policies.look()).toMatchObject({ refused: [] });
  expect(policies.for('payment').attempts).toBe(4);
});

it('S36: an outage of the table keeps the last valid policies, and the reported staleness increases', async () => {
  await set('payment', { attempts: 7 });
  const { host } = new URL(url);
  const proxy = await faultProxy({ target: host });
  const through = connect({ url: url.replace(host, proxy.address) });
  const clock = manualClock();
  const policies = policyWatch({ executor: through.executor, layers, clock, pollMs: 1_000 });
  await policies.start();
  try {
    proxy.cut();
    await clock.advance(1_000);
    await waitUntil(() => policies.status().error !== undefined, { what: 'the outage to be noticed' });
    await clock.advance(60_000);
    expect(policies.status().staleMs).toBeGreaterThanOrEqual(60_000);
    expect(policies.for('payment').attempts).toBe(7);
    await set('payment', { attempts: 5 });
    proxy.restore();
    await waitUntil(
      async () => {
        await clock.advance(1_000);
        return policies.for('payment').attempts === 5;
      },
      { what: 'the change made during the outage' },
    );
    expect(policies.status()).not.toHaveProperty('error');
  } finally {
    await policies.stop();
    await through.close();
    await proxy.close();
  }
});

it('a table that hangs does not stop the polling', async () => {
  const { host } = new URL(url);
  const proxy = await faultProxy({ target: host });
  const through = connect({ url: url.replace(host, proxy.address) });
  const looks: number[] = [];
  const policies = policyWatch({
    executor: through.executor,
    pollMs: 20,
    onLook: ({ staleMs }) => looks.push(staleMs),
  });
  await policies.start();
  proxy.stall();
  // Planted fault: a poll without a time limit never reports again, and the gauge stays constant.
  await waitUntil(() => (looks.at(-1) ?? 0) > 100, { what: 'a poll that reports staleness' });
  proxy.restore();
  await policies.stop();
  await through.close();
  await proxy.close();
});

it('versions become visible in order, so that a watcher misses none', async () => {
  const order: string[] = [];
  let second: Promise<unknown> = Promise.resolve();
  await withTransaction(database, {}, async (tx) => {
    await setPolicyRule(tx, { name: 'a', change: {}, by: 'ada', reason: 'slow to commit' });
    // Planted fault: without the lock in the trigger the second commits first, with the higher version.
    second = set('b', {}).then(() => order.push('b'));
    await waitUntil(() => waitsForLock(database.executor), {
      what: 'the second change to wait for the first',
    });
    expect(await readPolicyVersion(database.executor)).toBe(0);
    order.push('a');
  });
  await second;
  expect(order).toEqual(['a', 'b']);
});

it('a database without the table rejects the start with the next step', async () => {
  const bare = connect({ url: await freshDatabase(inject('stack').databaseUrl) });
  await expect(policyWatch({ executor: bare.executor }).start()).rejects.toMatchObject({
    code: 'POLICIES_NOT_MIGRATED',
    category: 'configuration',
    message: expect.stringContaining('converge migrate'),
  });
  await bare.close();
});

it('a policy watch meets the obligations of every service', async () => {
  await stressService({ make: () => policyWatch({ executor: database.executor, pollMs: 1 }), rounds: 15 });
});
