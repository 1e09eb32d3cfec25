import { defineSaga } from '@convergekit/saga/declare';
import { stockRejected, stockReleased, stockReserved } from './inventory.ts';
import { orderCancelRequested, orderConfirmed, orderPlaced } from './orders.ts';
import { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
import { parcelHanded, parcelRefused } from './shipping.ts';

/**
 * The saga of an order: reserve stock, take the money, hand over the parcel (the pivot), confirm the order.
 * If a step before the pivot fails, the steps before it are compensated in reverse order.
 */
export const placeOrder = defineSaga('shop.place-order', {
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
    call: true,
  })
  .pivot('ship', { by: 'shipping', success: parcelHanded, failure: parcelRefused })
  .retriable('confirm', { by: 'orders', success: orderConfirmed });
