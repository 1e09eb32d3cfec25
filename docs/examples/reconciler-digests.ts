import { type Database, defineReconciler, from, digestScan, digestTable, markDirty } from 'convergekit';
import { sql } from 'kysely';

export interface OrdersDb {
  wanted: { sku: string; quantity: number; changed_at: Date };
}

export interface StockDb {
  stock: { sku: string; reserved: number; version: number; changed_at: Date };
}

export const stock = defineReconciler('stock-digests', {
  schedule: '*/5 * * * *',
  keys: {
    // Lists only the keys that differ. Each side names its own columns; `quantity` is the name that both share.
    scan: digestScan({
      desired: { table: 'wanted', key: 'sku', columns: { quantity: 'quantity' }, updatedAt: 'changed_at' },
      actual: { table: 'stock', key: 'sku', columns: { quantity: 'reserved' }, updatedAt: 'changed_at' },
      maxAgeMs: 86_400_000, // every key is compared once a day, whatever the events say
    }),
  },
  desired: from<OrdersDb>('orders').read(
    async (sku, db) =>
      (await db.selectFrom('wanted').select('quantity').where('sku', '=', sku).executeTakeFirst())?.quantity,
  ),
  actual: from<StockDb>('inventory').read((sku, db) =>
    db.selectFrom('stock').select(['reserved', 'version']).where('sku', '=', sku).executeTakeFirst(),
  ),
  version: 'version',
  compare: (quantity, row) =>
    (quantity ?? 0) === (row?.reserved ?? 0) ? null : { quantity: quantity ?? 0, exists: row !== null },
  repair: async ({ quantity, exists }, { tx, key, guard }) =>
    exists
      ? guard.update('stock', {
          key: { sku: key },
          version: 'version',
          set: { reserved: quantity, changed_at: sql<Date>`now()` },
        })
      : tx
          .insertInto('stock')
          .values({ sku: key, reserved: quantity, version: 1, changed_at: sql`now()` })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst(),
  mode: 'repair',
});

/** In the handler of an event, in its transaction: the next pass compares these keys first. */
export const onStockChanged = (inventory: Pick<Database, 'executor'>, skus: readonly string[]) =>
  markDirty(inventory.executor, stock, skus);

/** The same comparison with a warehouse that writes its digests into `warehouse_digest`, in the database of orders. */
export const warehouseScan = digestScan({
  desired: digestTable({ table: 'warehouse_digest', digits: 3 }),
  actual: { table: 'stock', key: 'sku', columns: { quantity: 'reserved' }, updatedAt: 'changed_at' },
});
