import type { Kysely } from 'kysely';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export interface ShopDb {
  orders: Order;
}

/** Writes the order once for each request key. A repeat gets the same answer. `signal` aborts when the client has gone. */
export const placeOrder = (
  db: Kysely<ShopDb>,
  requestKey: string | undefined,
  request: Order,
  signal: AbortSignal,
) =>
  outbox.transaction(db, { requestKey, request, signal }, async ({ tx, emit }) => {
    await tx.insertInto('orders').values(request).execute();
    emit(orderPlaced(request));
    return { placed: request.id };
  });
