import { consumerRef, defineConsumer, newUuidV7, type TransactionFunction } from 'convergekit';
import type { Generated } from 'kysely';
import { type Order, orderPaid, orderPlaced } from '../events.ts';

/** The tables of migrations/, for typed queries. */
export interface Tables {
  orders: Order & { status: Generated<'placed' | 'paid' | 'declined'>; reason: string | null };
}

/**
 * Places an order. The row and its event are one transaction: both or neither. A repeat of the request gets the stored
 * answer, so a client may send it again when it got none.
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

/** Keeps the status of orders. `consumerRef`: the consumer `payments` runs in a service of its own. */
export const orders = defineConsumer<Tables>('orders', { from: 'first' })
  .on(orderPaid, async ({ data }, { tx }) => {
    await tx.updateTable('orders').set({ status: 'paid' }).where('orderId', '=', data.orderId).execute();
  })
  .onFailure(consumerRef('payments'), orderPlaced, async ({ event: { data }, message }, { tx }) => {
    await tx
      .updateTable('orders')
      .set({ status: 'declined', reason: message })
      .where('orderId', '=', data.orderId)
      .execute();
  });
