import type { Kysely } from 'kysely';
import { expect, it } from 'vitest';
import { defineReconciler, from } from './reconciler.ts';

interface Row {
  sku: string;
  version: number;
}

it('a side that reads no row, as `executeTakeFirst` does, is a side without the key, and the type of its rows is that of what it reads', async () => {
  const rows: Row[] = [{ sku: 'cup', version: 1 }];
  const side = from<{ stock: Row }>('shop').read((sku) =>
    Promise.resolve(rows.find((row) => row.sku === sku)),
  );
  const { actual } = defineReconciler('stock', {
    keys: {
      async *scan() {
        yield await Promise.resolve(['cup']);
      },
    },
    desired: side,
    actual: side,
    version: 'version',
    compare: () => null,
    repair: () => Promise.resolve(0),
  });
  const db = undefined as unknown as Kysely<unknown>;
  expect([await actual.read('cup', db), await actual.read('plate', db)]).toEqual([rows[0], null]);
});
