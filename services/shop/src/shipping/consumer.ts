import { defineConsumer } from '@converge/inbox';
import { BusinessRejection } from '@converge/resilience';
import { parcelHanded, paymentTaken } from '@converge/schemas';
import { noteEffect } from '../common/effect.ts';
import { refusal, trackingId } from './parcel.ts';
import type { ShippingDb } from './tables.ts';

/** The last step before the order is confirmed: after it there is no way back. */
export const shipping = defineConsumer<ShippingDb>({ name: 'shipping', from: 'beginning' }).on(
  paymentTaken,
  async (event, { tx, emit }) => {
    const { orderId, country, lines } = event.data;
    const no = refusal({ orderId, country, lines });
    if (no !== undefined) throw new BusinessRejection(no, { code: 'PARCEL_REFUSED' });
    await noteEffect(tx, 'shipping', event);
    await tx
      .insertInto('parcel')
      .values({ order_id: orderId, tracking_id: trackingId(orderId), country, lines: JSON.stringify(lines) })
      .execute();
    emit(parcelHanded({ orderId, trackingId: trackingId(orderId), country }));
  },
);
