/**
 * The shop's contracts: every event that its services exchange. Four topics, one a service, all keyed by the order's
 * id, so that what happens to one order keeps its order within each topic. What a service refuses is not an event
 * here: it is a failure event in `<consumer>.failures`, made by the consumer when a handler throws BusinessRejection.
 */
import { stockReleased, stockReserved } from './inventory.ts';
import { orderCancelled, orderConfirmed, orderPlaced } from './orders.ts';
import { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
import { parcelHanded } from './shipping.ts';

export { orderCancelled, orderConfirmed, orderPlaced } from './orders.ts';
export { stockReleased, stockReserved } from './inventory.ts';
export { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
export { parcelHanded } from './shipping.ts';
export { country, orderLine, type OrderLine, type StockLine } from './parts.ts';

export const shopEvents = [
  orderPlaced,
  orderConfirmed,
  orderCancelled,
  stockReserved,
  stockReleased,
  paymentTaken,
  paymentDeclined,
  paymentRefunded,
  parcelHanded,
] as const;
