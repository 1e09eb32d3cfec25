import { executorOf } from '@convergekit/postgres';
import { StatementTap } from '../../testing/src/fixture/statement-tap.ts';
import { expect, it } from 'vitest';
import { claimKeys, enqueueKeys, forgetKeys } from './key-queue.ts';
import {
  options,
  rowsOf,
  setStock,
  setWanted,
  stockReconciler,
  world,
  worldForEach,
} from './fixture/stock.ts';
import { resolveOptions } from './service.ts';
import { drain } from './workers.ts';

worldForEach();

const enqueue = (keys: readonly string[]): Promise<void> =>
  enqueueKeys(world.stock.executor, {
    reconciler: 'stock',
    keys,
    priority: 'event',
    cause: 'test',
    quietMs: 0,
    maxWaitMs: 0,
  });

// Seen to fail when keys are claimed one by one: 200 claims.
it('a healthy key costs its two reads, and a share of a claim and of the statement that forgets it', async () => {
  const keys = Array.from({ length: 200 }, (_, index) => `k${index}`);
  const agreed = Object.fromEntries(keys.map((key) => [key, 1]));
  await setWanted(agreed);
  await setStock(agreed);
  await enqueue(keys);
  const tap = new StatementTap();
  tap.attach('stock', world.stock.pool);
  tap.attach('orders', world.orders.pool);
  // Neither renewals nor looks at the clock: the number of statements follows from the keys alone.
  const slow = { leaseMs: 3_600_000, pollMs: 3_600_000, workers: 4 };
  const draining = drain({ ...resolveOptions(stockReconciler(), { ...options, ...slow }) });
  expect(await draining).toEqual({ in_sync: keys.length });
  const sent = (pattern: RegExp): number =>
    tap.transactions.flatMap(({ statements }) => statements).filter(({ text }) => pattern.test(text)).length;
  expect(sent(/^\s*select .* from "(wanted|stock)"/)).toBe(2 * keys.length);
  // Four keys at least by each claim, one of eight by age; at the end of the queue each key that ends looks for another one.
  expect(sent(/^\s*with due as/)).toBeLessThanOrEqual(0.6 * keys.length);
  expect(sent(/^\s*with healthy as/)).toBeLessThanOrEqual(keys.length);
  // None is finished by a statement of its own.
  expect(sent(/^\s*delete from converge\.reconcile_key where|state = case when dirty/)).toBe(0);
  expect(await rowsOf('select key from converge.reconcile_key')).toEqual([]);
});

// Seen to fail when a key that was reported meanwhile is forgotten.
it('healthy keys are forgotten together, without one that was reported meanwhile, is locked, or belongs to another holder', async () => {
  await enqueue(['dirty', 'locked', 'plain', 'second']);
  const request = { reconciler: 'stock', limit: 10, leaseMs: 60_000 };
  const claims = await claimKeys(world.stock.executor, { ...request, holder: 'one' });
  await enqueue(['dirty', 'others']);
  const [others] = await claimKeys(world.stock.executor, { ...request, holder: 'two' });
  const forgotten = await world.stock.db.transaction().execute(async (tx) => {
    await executorOf(tx).query(`select 1 from converge.reconcile_key where key = 'locked' for update`);
    return forgetKeys(world.stock.executor, [...claims, { ...others!, holder: 'one' }]);
  });
  expect([...forgotten].toSorted()).toEqual(['plain', 'second']);
  expect(await rowsOf('select key, dirty from converge.reconcile_key order by key')).toEqual([
    { key: 'dirty', dirty: true },
    { key: 'locked', dirty: false },
    { key: 'others', dirty: false },
  ]);
  // An older claim of the same key deletes nothing.
  expect(
    await forgetKeys(
      world.stock.executor,
      claims.map((claim) => ({ ...claim, term: 0n })),
    ),
  ).toEqual(new Set());
});
