import { defineEvent } from '@convergekit/contracts';
import { defineConsumer } from '@convergekit/inbox';
import { createOutbox } from '@convergekit/outbox';
import { BusinessRejection } from '@convergekit/core';
import type { Kysely } from 'kysely';
import { z } from 'zod';

const data = z.object({ orderId: z.string(), cents: z.int().positive() });
type Order = z.infer<typeof data>;
export const orderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  topic: 'orders',
  key: (o) => o.orderId,
  data,
});
const outbox = createOutbox([orderPlaced]);

// Orders: the business row and its event are one transaction.
export const placeOrder = (db: Kysely<{ orders: Order }>, order: Order) =>
  outbox.transaction(db, async ({ tx, emit }) => {
    await tx.insertInto('orders').values(order).execute();
    emit(orderPlaced(order));
  });

// Payments: applies each event once, or refuses it.
export const payments = defineConsumer<{ charges: Order }>({ name: 'payments', from: 'beginning' }).on(
  orderPlaced,
  async (event, { tx }) => {
    if (event.data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
    await tx.insertInto('charges').values(event.data).execute();
  },
);

// Orders again: compensates what payments refused.
export const orders = defineConsumer<{ orders: Order }>({ name: 'orders', from: 'beginning' }).onFailure(
  orderPlaced,
  { of: 'payments' },
  async (failure, { tx }) => {
    await tx.deleteFrom('orders').where('orderId', '=', failure.event.data.orderId).execute();
  },
);
