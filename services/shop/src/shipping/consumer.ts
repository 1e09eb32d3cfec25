import { defineConsumer, step } from 'convergekit';
import { parcelHanded, parcelRefused, placeOrder } from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { refusalReason, trackingId } from './parcel.ts';
import type { ShippingDb } from './tables.ts';

/** The pivot of the saga: hands the parcel to the carrier, which cannot be undone. */
export const shipping = defineConsumer<ShippingDb>('shipping', { from: 'first' }).include(
  step(placeOrder.ship, {
    apply: async (event, { tx }) => {
      const { orderId, country, lines } = event.data;
      const no = refusalReason({ orderId, country, lines });
      if (no !== undefined) return parcelRefused({ orderId, reason: no });
      await noteEffect(tx, 'shipping', event, 'apply');
      const tracking = trackingId(orderId);
      await tx
        .insertInto('parcel')
        .values({ order_id: orderId, tracking_id: tracking, country, lines: JSON.stringify(lines) })
        .execute();
      return parcelHanded({ orderId, trackingId: tracking, country });
    },
  }),
);
