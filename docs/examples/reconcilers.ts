import { defineReconciler, from } from 'convergekit';
import type { Kysely } from 'kysely';

export interface OrdersDb {
  wanted: { sku: string; quantity: number };
}

export interface StockDb {
  stock: { sku: string; reserved: number; shelf: string; version: number };
}

const keys = {
  async *scan({ actual }: { actual: Kysely<StockDb> }) {
    yield (await actual.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
  },
};
const desired = from<OrdersDb>('orders').read(
  async (sku, db) =>
    (await db.selectFrom('wanted').selectAll().where('sku', '=', sku).executeTakeFirst())?.quantity ?? 0,
);
const actual = from<StockDb>('inventory').read((sku, db) =>
  db.selectFrom('stock').selectAll().where('sku', '=', sku).executeTakeFirst(),
);

export const stock = defineReconciler('stock', {
  keys,
  desired,
  actual,
  version: 'version',
  compare: (wanted, row) => (row === null || row.reserved === wanted ? null : wanted),
  repair: (wanted, { key, guard }) =>
    guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: wanted } }),
  mode: 'repair', // the default, `observe`, writes nothing
});

/** The same comparison, which also inserts rows that are missing. */
export const complete = defineReconciler('stock-complete', {
  desired,
  actual,
  version: 'version',
  keys: {
    async *scan({ desired, actual }) {
      yield (await desired.selectFrom('wanted').select('sku').execute()).map(({ sku }) => sku);
      yield (await actual.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
    },
  },
  compare: (wanted, row) => ((row?.reserved ?? 0) === (wanted ?? 0) ? null : { wanted: wanted ?? 0, row }),
  repair: ({ wanted, row }, { key, guard, tx }) =>
    row === null
      ? tx
          .insertInto('stock')
          .values({ sku: key, reserved: wanted, shelf: '', version: 1 })
          .onConflict((conflict) => conflict.doNothing()) // another writer inserted it first: zero rows, a conflict
          .executeTakeFirst()
      : guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: wanted } }),
  mode: 'repair',
});

/** The same comparison, as it would run for years. */
export const nightly = defineReconciler('stock-nightly', {
  keys,
  desired,
  actual,
  version: 'version',
  compare: (wanted, row) => (row === null || row.reserved === wanted ? null : wanted),
  repair: (wanted, { key, guard }) =>
    guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: wanted } }),
  mode: 'repair',
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
