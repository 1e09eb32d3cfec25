import { defineConsumer, newUuidV7, type TransactionFunction } from 'convergekit';
import { type Order, orderPlaced, orderPutBack, orderShipped, outOfStock } from './events.ts';
import { payments } from './payments.ts';
import type { Tables } from './tables.ts';

/**
 * Places an order. The row and its event are one transaction: both or neither. A repeat of the request gets the stored
 * answer, so a client may send it again when it got none. Nothing is begun for a client that has gone: `client` aborts.
 */
export function placeOrder(
  transaction: TransactionFunction<Tables>,
  requestKey: string | undefined,
  request: Omit<Order, 'orderId'>,
  client?: AbortSignal,
): Promise<Order> {
  return transaction({ requestKey, request, signal: client }, async ({ tx, emit }) => {
    const order = { orderId: newUuidV7(), ...request };
    await tx.insertInto('orders').values(order).execute();
    emit(orderPlaced(order));
    return order;
  });
}

/** Keeps the status of orders. `onFailure` compensates: it is called when payments did not take an order. */
export const orders = defineConsumer<Tables>('orders', { from: 'first' })
  .onFailure(payments, orderPlaced, async ({ event, message }, { tx }) => {
    await tx
      .updateTable('orders')
      .set({ status: 'declined', reason: message })
      .where('orderId', '=', event.data.orderId)
      .execute();
  })
  .on(orderShipped, async ({ data }, { tx }) => {
    await tx.updateTable('orders').set({ status: 'shipped' }).where('orderId', '=', data.orderId).execute();
  })
  .on(outOfStock, async ({ data }, { tx }) => {
    await tx
      .updateTable('orders')
      .set({ status: 'undeliverable', reason: 'out of stock' })
      .where('orderId', '=', data.orderId)
      .execute();
  })
  .on(orderPutBack, async ({ data }, { tx }) => {
    await tx
      .updateTable('orders')
      .set({ status: 'undeliverable', reason: 'the carrier refused it' })
      .where('orderId', '=', data.orderId)
      .execute();
  });
