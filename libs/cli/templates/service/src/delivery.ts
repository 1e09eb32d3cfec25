import { defineConsumer, step } from 'convergekit';
import {
  deliverOrder,
  orderPicked,
  orderPutBack,
  orderShipped,
  outOfStock,
  shippingRefused,
} from './events.ts';
import type { Tables } from './tables.ts';

/** The first step of the saga: takes the pieces from the shelf, and puts them back when it is compensated. */
export const warehouse = defineConsumer<Tables>('warehouse', { from: 'first' }).include(
  step(deliverOrder.pick, {
    apply: async ({ data }, { tx }) => {
      const taken = await tx
        .updateTable('stock')
        .set((row) => ({ free: row('free', '-', data.pieces) }))
        .where('sku', '=', data.sku)
        .where('free', '>=', data.pieces)
        .executeTakeFirst();
      return taken.numUpdatedRows === 0n ? outOfStock(data) : orderPicked(data);
    },
    compensate: async ({ intent: { data } }, { tx }) => {
      await tx
        .updateTable('stock')
        .set((row) => ({ free: row('free', '+', data.pieces) }))
        .where('sku', '=', data.sku)
        .execute();
      return orderPutBack(data);
    },
  }),
);

/** The pivot: once a parcel is handed over, there is no way back. */
export const carrier = defineConsumer<Tables>('carrier', { from: 'first' }).include(
  step(deliverOrder.ship, {
    apply: async ({ data }, { tx }) => {
      if (data.sku === 'anvil') return shippingRefused(data);
      await tx.insertInto('parcels').values({ orderId: data.orderId }).execute();
      return orderShipped(data);
    },
  }),
);
