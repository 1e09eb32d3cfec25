import { createOutbox, defineEvent } from 'convergekit';
import type { Kysely } from 'kysely';
import { z } from 'zod';

export const order = z.object({ id: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof order>;
export interface ShopDb {
  orders: Order;
}

export const orderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  topic: 'orders',
  key: ({ id }) => id,
  data: order,
});
const outbox = createOutbox([orderPlaced]);

/** Writes the order once for each request key. A repeat gets the same answer. `signal` aborts when the client has gone. */
export const placeOrder = (db: Kysely<ShopDb>, requestKey: string, request: Order, signal: AbortSignal) =>
  outbox.transaction(db, { requestKey, request, signal }, async ({ tx, emit }) => {
    await tx.insertInto('orders').values(request).execute();
    emit(orderPlaced(request));
    return { placed: request.id };
  });
