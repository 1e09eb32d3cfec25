import type { TransactionFunction } from 'convergekit';
import { orderCancelRequested } from '@convergekit/schemas';
import { sql } from 'kysely';
import type { OrdersDb } from './tables.ts';

export type Cancellation =
  /** Requested, now or before: the order is cancelled, or confirmed if the carrier was faster. */
  | { readonly kind: 'requested' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'too_late' }
  | { readonly kind: 'unknown' };

/** Requests the cancellation of an order from its saga. Repeated calls request it once. */
export function cancelOrder(
  transaction: TransactionFunction<OrdersDb>,
  orderId: string,
): Promise<Cancellation> {
  return transaction(async ({ tx, emit }): Promise<Cancellation> => {
    const order = await tx
      .selectFrom('orders')
      .select(['state', 'cancel_requested_at'])
      .where('order_id', '=', orderId)
      .forUpdate()
      .executeTakeFirst();
    if (order === undefined) return { kind: 'unknown' };
    if (order.state === 'confirmed') return { kind: 'too_late' };
    if (order.state === 'cancelled') return { kind: 'cancelled' };
    if (order.cancel_requested_at !== null) return { kind: 'requested' };
    await tx
      .updateTable('orders')
      .set({ cancel_requested_at: sql<Date>`clock_timestamp()` })
      .where('order_id', '=', orderId)
      .execute();
    // The event's key identifies the saga, which this order started.
    emit(orderCancelRequested({ orderId, reason: 'the customer cancelled the order' }));
    return { kind: 'requested' };
  });
}
