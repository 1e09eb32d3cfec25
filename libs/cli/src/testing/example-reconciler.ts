import { defineReconciler } from '@converge/reconcile';

interface Stock {
  readonly stock: { readonly sku: string; readonly amount: number };
}

/** For the tests of `converge reconcile`: a table that must equal another. */
export const stockReconciler = defineReconciler<
  Stock,
  number,
  Stock,
  number,
  { sku: string; amount: number }
>({
  name: 'stock-copy',
  schedule: '* * * * * *',
  mode: 'repair',
  timing: { settleMs: 0, quietMs: 0 },
  keys: {
    async *scan({ desired }) {
      yield (await desired.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
    },
  },
  desired: {
    in: 'shop',
    read: async (sku, db) =>
      (await db.selectFrom('stock').select('amount').where('sku', '=', sku).executeTakeFirst())?.amount ??
      null,
  },
  actual: {
    in: 'copy',
    read: async (sku, db) =>
      (await db.selectFrom('stock').select('amount').where('sku', '=', sku).executeTakeFirst())?.amount ??
      null,
  },
  compare: (desired, actual) =>
    desired === actual || desired === null ? null : { sku: '', amount: desired },
  repair: ({ amount }, { tx, key }) =>
    tx.updateTable('stock').set({ amount }).where('sku', '=', key).executeTakeFirst(),
});
