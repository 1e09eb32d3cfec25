import type { Outbox } from '@convergekit/outbox';
import { orderCancelRequested } from '@convergekit/schemas';
import { type Kysely, sql } from 'kysely';
import type { OrdersDb } from './tables.ts';

export type Cancellation =
  /** Asked for, now or before: the order ends cancelled, or confirmed if the carrier was quicker. */
  | { readonly kind: 'requested' }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'too_late' }
  | { readonly kind: 'unknown' };

/** Asks the order's saga to call itself off. However often it is called, it asks once. */
export function cancelOrder(
  { db, outbox }: { db: Kysely<OrdersDb>; outbox: Outbox },
  orderId: string,
): Promise<Cancellation> {
  return outbox.transaction(db, async ({ tx, emit }): Promise<Cancellation> => {
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
    // By its key it names the saga: the one that this order started.
    emit(orderCancelRequested({ orderId, reason: 'the customer called it off' }));
    return { kind: 'requested' };
  });
}
