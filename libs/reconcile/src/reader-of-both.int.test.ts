import { expect, it } from 'vitest';
import { options, setStock, setWanted, stockReconciler, world, worldForEach } from './fixture/stock.ts';
import { runReconciler } from './service.ts';

worldForEach();

const KEYS = Array.from({ length: 30 }, (_, index) => `sku-${index}`);
const WANTED = 7;
const DRIFTED = 2;

/** One look at both databases, as a page that shows them beside each other: the truth first. */
async function lookAtBoth(): Promise<ReadonlyMap<string, { wanted?: number; reserved: number }>> {
  const wanted = await world.orders.executor.query<{ sku: string; quantity: number }>('select * from wanted');
  const stock = await world.stock.executor.query<{ sku: string; reserved: number }>('select * from stock');
  const wants = new Map(wanted.rows.map(({ sku, quantity }) => [sku, quantity]));
  return new Map(
    stock.rows.map(({ sku, reserved }) => {
      const quantity = wants.get(sku);
      return [sku, { ...(quantity === undefined ? {} : { wanted: quantity }), reserved }];
    }),
  );
}

it('S47: a reader of both databases sees each key drifted, then repaired, and never a third state nor the first one again', async () => {
  await setWanted(Object.fromEntries(KEYS.map((sku) => [sku, WANTED])));
  await setStock(Object.fromEntries(KEYS.map((sku) => [sku, DRIFTED])));
  const seen = new Map(KEYS.map((sku): [string, string[]] => [sku, []]));
  let looks = 0;
  const look = async (): Promise<void> => {
    for (const [sku, { wanted, reserved }] of await lookAtBoth())
      seen.get(sku)?.push(`${wanted}/${reserved}`);
    looks += 1;
  };
  const stop = new AbortController();
  await look();
  const reader = (async () => {
    while (!stop.signal.aborted) await look();
  })();
  const reconciler = stockReconciler({
    repair: async (drift, { key, guard }) => {
      const before = looks;
      const written = await guard.update('stock', {
        key: { sku: key },
        version: 'version',
        set: { reserved: drift.quantity },
      });
      // The reader looks while the repair is not committed.
      while (looks < before + 2) await new Promise(setImmediate);
      return written;
    },
  });
  const { outcomes } = await runReconciler(reconciler, options);
  stop.abort();
  await reader;
  await look();
  expect(outcomes).toEqual({ repaired: KEYS.length });
  for (const [sku, states] of seen) {
    const changes = states.filter((state, index) => state !== states[index - 1]);
    expect([sku, changes]).toEqual([sku, [`${WANTED}/${DRIFTED}`, `${WANTED}/${WANTED}`]]);
  }
  expect(looks).toBeGreaterThan(10);
});
