/**
 * The shop's contracts: every event that its services exchange, and the saga that they make together. Four topics, one
 * a service, all keyed by the order's id, so that what happens to one order keeps its order within each topic.
 */
import { stockRejected, stockReleased, stockReserved } from './inventory.ts';
import { orderCancelled, orderCancelRequested, orderConfirmed, orderPlaced } from './orders.ts';
import { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
import { parcelHanded, parcelRefused } from './shipping.ts';

export { orderCancelled, orderCancelRequested, orderConfirmed, orderPlaced } from './orders.ts';
export { stockRejected, stockReleased, stockReserved } from './inventory.ts';
export { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
export { parcelHanded, parcelRefused } from './shipping.ts';
export { country, orderLine, type OrderLine, type StockLine } from './parts.ts';
export { placeOrder } from './sagas.ts';

export const shopEvents = [
  orderPlaced,
  orderCancelRequested,
  orderConfirmed,
  orderCancelled,
  stockReserved,
  stockRejected,
  stockReleased,
  paymentTaken,
  paymentDeclined,
  paymentRefunded,
  parcelHanded,
  parcelRefused,
] as const;
