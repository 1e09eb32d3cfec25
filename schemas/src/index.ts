/**
 * The contracts of the samples: every event of their services, and their sagas.
 * Each service has one topic, keyed by the saga's entity (an order, a transfer), so that its events keep their order.
 */
import { stockRejected, stockReleased, stockReserved } from './inventory.ts';
import { orderCancelled, orderCancelRequested, orderConfirmed, orderPlaced } from './orders.ts';
import { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
import { parcelHanded, parcelRefused } from './shipping.ts';
import {
  depositRefused,
  moneyDeposited,
  moneyReturned,
  moneyWithdrawn,
  transferRequested,
  transferSettled,
  withdrawalRefused,
} from './transfers.ts';

export { orderCancelled, orderCancelRequested, orderConfirmed, orderPlaced } from './orders.ts';
export { stockRejected, stockReleased, stockReserved } from './inventory.ts';
export { paymentDeclined, paymentRefunded, paymentTaken } from './payments.ts';
export { parcelHanded, parcelRefused } from './shipping.ts';
export {
  depositRefused,
  moneyDeposited,
  moneyReturned,
  moneyWithdrawn,
  transferMoney,
  transferRequested,
  transferSettled,
  withdrawalRefused,
} from './transfers.ts';
export { accountId, cents, country, orderLine, type OrderLine, type StockLine } from './parts.ts';
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

export const transferEvents = [
  transferRequested,
  moneyWithdrawn,
  withdrawalRefused,
  moneyReturned,
  moneyDeposited,
  depositRefused,
  transferSettled,
] as const;
