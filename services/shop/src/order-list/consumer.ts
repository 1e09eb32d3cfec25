import { defineConsumer } from 'convergekit';
import { orderPlaced, paymentDeclined, paymentRefunded, paymentTaken } from '@convergekit/schemas';
import type { OrdersDb } from '../orders/tables.ts';
import { recordPayment, recordRefund } from './order-list.ts';

/** Keeps the order list: the orders of this database with the state of their payments. */
export const orderList = defineConsumer<OrdersDb>('order-list', { from: 'first' })
  .on(orderPlaced, (event, { tx }) => recordPayment(tx, event.data.orderId, 'none'))
  .on(paymentTaken, (event, { tx }) => recordPayment(tx, event.data.orderId, 'taken'))
  .on(paymentDeclined, (event, { tx }) => recordPayment(tx, event.data.orderId, 'declined'))
  .on(paymentRefunded, (event, { tx }) => recordRefund(tx, event.data.orderId));
