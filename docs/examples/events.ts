import { createOutbox } from 'convergekit/postgres';
import { defineEvent } from 'convergekit';
import type { Kysely } from 'kysely';
import { z } from 'zod';

export const orderPlaced = defineEvent({
  type: 'shop.order.placed',
  topic: 'shop.orders',
  key: ({ orderId }) => orderId,
  data: z.object({ orderId: z.string(), sku: z.string(), cents: z.int().positive() }),
});

export interface Order {
  orderId: string;
  sku: string;
  cents: number;
}
export interface ShopDb {
  orders: Order;
}

const outbox = createOutbox([orderPlaced]);

export const placeOrder = (db: Kysely<ShopDb>, order: Order, requestKey: string): Promise<Order> =>
  outbox.transaction(db, { requestKey, request: order }, async ({ tx, emit }) => {
    await tx.insertInto('orders').values(order).execute();
    emit(orderPlaced(order));
    return order;
  });
