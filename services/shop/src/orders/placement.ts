import { country, orderLine, orderPlaced } from '@convergekit/schemas';
import type { NewId, TransactionFunction } from 'convergekit';
import { z } from 'zod';
import { totalCents } from './order.ts';
import type { OrdersDb } from './tables.ts';

/** The request of a customer. The service computes the total itself. */
export const orderRequest = z
  .strictObject({ lines: z.array(orderLine).min(1).max(100), country })
  .refine(({ lines }) => totalCents(lines) <= 1_000_000_000, {
    path: ['lines'],
    message: 'an order may cost up to 10 million',
  });
export type OrderRequest = z.infer<typeof orderRequest>;

/** The stored answer, which a repeated request gets again. */
export interface Placed {
  readonly orderId: string;
  readonly state: 'placed';
  readonly totalCents: number;
}

/**
 * Places an order: the order, its history, its event and the answer commit together.
 * The same key with the same request returns the first answer and writes nothing; another request rejects with
 * REQUEST_KEY_REUSED, and one without a key with REQUEST_KEY_INVALID. Nothing is begun for a client that has gone (CALLER_GONE).
 */
export function placeOrder(
  { transaction, newId }: { transaction: TransactionFunction<OrdersDb>; newId: NewId },
  requestKey: string | undefined,
  request: OrderRequest,
  client?: AbortSignal,
): Promise<Placed> {
  return transaction({ requestKey, request, signal: client }, async ({ tx, emit }): Promise<Placed> => {
    const orderId = newId();
    const total = totalCents(request.lines);
    await tx
      .insertInto('orders')
      .values({
        order_id: orderId,
        state: 'placed',
        lines: JSON.stringify(request.lines),
        total_cents: total,
        country: request.country,
      })
      .execute();
    await tx
      .insertInto('order_history')
      .values({ order_id: orderId, version: 1, state: 'placed', detail: null })
      .execute();
    emit(orderPlaced({ orderId, totalCents: total, ...request }));
    return { orderId, state: 'placed', totalCents: total };
  });
}
