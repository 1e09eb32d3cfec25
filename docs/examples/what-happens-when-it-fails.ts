import { BusinessRejection, defineConsumer, defineEvent } from 'convergekit';
import type { Transaction } from 'kysely';
import { z } from 'zod';

const order = z.object({ orderId: z.string(), sku: z.string(), pieces: z.int() });

export const orderPlaced = defineEvent('shop.order.placed', {
  version: 1,
  topic: 'shop.orders',
  key: ({ orderId }) => orderId,
  data: order,
});

export interface ShopDb {
  orders: { orderId: string; state: string };
}
export interface WarehouseDb {
  reservation: { orderId: string; sku: string };
}
export const TABLES = `
  create table orders ("orderId" text primary key, state text not null);
  create table reservation ("orderId" text primary key, sku text not null)`;

/** A warehouse with a bug: it knows no article of the new season. */
const shelves = new Map([['cup', { row: 4 }]]);
export const warehouse = defineConsumer<WarehouseDb>('warehouse', { from: 'first' }).on(
  orderPlaced,
  async ({ data: { orderId, sku, pieces } }, { tx }) => {
    await tx.insertInto('reservation').values({ orderId, sku }).execute();
    if (pieces > 100) throw new BusinessRejection('too many at once');
    const shelf = shelves.get(sku) as { row: number };
    if (shelf.row > 9) throw new BusinessRejection('the shelf is closed');
  },
);

async function cancelOrder(tx: Transaction<ShopDb>, orderId: string, state: string): Promise<void> {
  await tx.updateTable('orders').set({ state }).where('orderId', '=', orderId).execute();
}

export const shop = defineConsumer<ShopDb>('shop', { from: 'first' }).onFailure(
  warehouse,
  orderPlaced,
  async ({ event, category, code, certainty }, { tx, log }) => {
    // Unknown: the handler called another system, and the answer was lost. Look before you compensate.
    if (certainty === 'unknown') log.error({ event: event.id, code }, 'look at the warehouse by hand');
    else await cancelOrder(tx, event.data.orderId, category === 'business' ? 'refused' : 'failed');
  },
);
