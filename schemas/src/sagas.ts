import { saga } from '@convergekit/saga/declare';
import { stockRejected, stockReleased, stockReserved } from './inventory.ts';
import { orderCancelRequested, orderConfirmed, orderPlaced } from './orders.ts';
import { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
import { parcelHanded, parcelRefused } from './shipping.ts';

/**
 * An order's way: stock is set aside, the money is taken, the parcel goes to the carrier (from there is no way back), the
 * order is confirmed. Whatever fails before, all that was done is undone in reverse order.
 */
export const placeOrder = saga('shop.place-order', {
  start: orderPlaced,
  cancel: orderCancelRequested,
  deadlineMs: 15 * 60_000,
})
  .compensatable('reserve', {
    by: 'inventory',
    success: stockReserved,
    failure: stockRejected,
    undone: stockReleased,
  })
  .compensatable('pay', {
    by: 'payments',
    success: paymentTaken,
    failure: paymentDeclined,
    undone: paymentRefunded,
    external: true,
  })
  .pivot('ship', { by: 'shipping', success: parcelHanded, failure: parcelRefused })
  .retriable('confirm', { by: 'orders', success: orderConfirmed });
