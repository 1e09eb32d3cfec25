import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { options, stockReconciler, world, worldForEach } from './fixture/stock.ts';
import { runReconciler } from './service.ts';

worldForEach();

/** What a row of another system may hold, and no key of a queue can be. */
const POISON = [
  'a\0b',
  '\ud800',
  randomBytes(3_000).toString('hex'),
  'é'.repeat(1_500),
  null,
  undefined,
] as string[];

// Seen to fail without the look at keys before they are queued: the statement fails for all keys of the chunk, at each run.
it('G7h: keys that cannot be queued are unknown, and keep no other key from being compared', async () => {
  await world.orders.executor.query(`insert into wanted values ('good', 7)`);
  const reconciler = stockReconciler({
    keys: {
      async *scan() {
        yield await Promise.resolve([...POISON, 'good']);
      },
    },
  });
  const counts = await runReconciler(reconciler, options);
  expect(counts.outcomes).toEqual({ repaired: 1 });
  expect(counts).toMatchObject({ unknown: 1 });
  const { rows } = await world.stock.executor.query('select key from converge.reconcile_key');
  expect(rows).toEqual([{ key: 'good' }]);
});
