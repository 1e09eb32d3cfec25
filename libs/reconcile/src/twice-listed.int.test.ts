import { expect, it } from 'vitest';
import { diffKeys } from './diff/diff-keys.ts';
import {
  options,
  rowsOf,
  setStock,
  setWanted,
  stockReconciler,
  world,
  worldForEach,
} from './fixture/stock.ts';
import { runReconciler } from './service.ts';

worldForEach();

/** Lists the keys of desired, then those of actual: a key of both is listed twice. */
const reconciler = stockReconciler({
  keys: {
    async *scan({ desired, actual }) {
      yield (await desired.selectFrom('wanted').select('sku').execute()).map(({ sku }) => sku);
      yield (await actual.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
    },
  },
});

// Seen to fail without the comparison with earlier keys of the scan.
it('G7d: a key that a scan lists twice counts once in the limits, and is shown once', async () => {
  const keys = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`sku-${n}`, n]));
  await setWanted(keys);
  await setStock({ ...keys, 'sku-3': 9, more: 1 });
  const { orders, stock } = world;
  const found = await diffKeys({ declared: reconciler, desired: orders.db, actual: stock.db } as never, {
    limit: 10,
  });
  expect(found.looked).toBe(21);
  expect(found.keys.map(({ key }) => key)).toEqual(['sku-3', 'more']);
  const { outcomes } = await runReconciler(reconciler, options);
  expect(outcomes).toEqual({ in_sync: 19, repaired: 2 });
  expect(await rowsOf('select last_run_keys::int as keys from converge.reconciler')).toEqual([{ keys: 21 }]);
});
