import { type Database, defineReconciler, from } from 'convergekit';
import { reconcilerService } from 'convergekit/process';
import type { OrdersDb, StockDb } from './stock.ts';

const stock = defineReconciler('stock', {
  schedule: '*/5 * * * *',
  keys: {
    async *scan({ actual }) {
      yield (await actual.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
    },
  },
  desired: from<OrdersDb>('orders').read(
    async (sku, db) =>
      (await db.selectFrom('wanted').selectAll().where('sku', '=', sku).executeTakeFirst())?.quantity,
  ),
  actual: from<StockDb>('inventory').read((sku, db) =>
    db.selectFrom('stock').selectAll().where('sku', '=', sku).executeTakeFirst(),
  ),
  version: 'version',
  // A drift counts only when this consumer has handled the key's events: a repair never fights one that is on its way.
  inFlight: { topic: 'shop.wanted', consumer: 'stock' },
  compare: (desired, row) => {
    const quantity = desired ?? 0;
    return row === null || row.reserved === quantity ? null : { quantity };
  },
  // Updates the row if it still has the compared version: zero rows are a conflict, and the key is compared again.
  repair: ({ quantity }, { guard, key }) =>
    guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: quantity } }),
  mode: 'repair', // the default, `observe`, writes nothing
});

/** A service for `runServices`. */
export const service = (orders: Database<OrdersDb>, inventory: Database<StockDb>) =>
  reconcilerService([stock], { databases: { orders, inventory } });
