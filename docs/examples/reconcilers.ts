import { defineReconciler, type ReconcilerDefinition } from '@convergekit/reconcile';

export interface OrdersDb {
  wanted: { sku: string; quantity: number };
}

export interface StockDb {
  stock: { sku: string; reserved: number; shelf: string; version: number };
}

type Stock = StockDb['stock'];

const comparison: ReconcilerDefinition<OrdersDb, number, StockDb, Stock, number> = {
  name: 'stock',
  keys: {
    async *scan({ actual }) {
      yield (await actual.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
    },
  },
  desired: {
    in: 'orders',
    read: async (sku, db) =>
      (await db.selectFrom('wanted').selectAll().where('sku', '=', sku).executeTakeFirst())?.quantity ?? 0,
  },
  actual: {
    in: 'inventory',
    read: async (sku, db) =>
      (await db.selectFrom('stock').selectAll().where('sku', '=', sku).executeTakeFirst()) ?? null,
    version: 'version',
  },
  compare: (wanted, row) => (row === null || row.reserved === wanted ? null : wanted),
  repair: (wanted, { key, guard }) =>
    guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: wanted } }),
  mode: 'repair', // the default, `observe`, writes nothing
};
export const stock = defineReconciler(comparison);

/** The same comparison, as it would run for years. */
export const nightly = defineReconciler({
  ...comparison,
  name: 'stock-nightly',
  schedule: { cron: '0 3 * * *', timeZone: 'Europe/Berlin', jitterMs: 60_000, missed: 'once' },
  // A difference counts only when the consumer `stock` has handled every event of its key.
  inFlight: { topic: 'shop.wanted', consumer: 'stock' },
  // A repair may change this field and no other; what people change by hand is no drift.
  owns: ['reserved'],
  ignore: ['shelf'],
  limits: { repairs: 100, share: 0.02 },
  invariants: [
    {
      name: 'no reservation is negative',
      holds: async (sku, tx) =>
        (
          await tx
            .selectFrom('stock')
            .select('reserved')
            .where('sku', '=', sku)
            .where('reserved', '<', 0)
            .execute()
        ).length === 0,
    },
  ],
});
