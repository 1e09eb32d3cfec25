import { defineEvent } from '@converge/contracts';
import { defineConsumer } from '@converge/inbox';
import { createOutbox } from '@converge/outbox';
import { BusinessRejection } from '@converge/resilience';
import type { Kysely } from 'kysely';
import { z } from 'zod';

const order = z.object({ orderId: z.string(), cents: z.int().positive() });
type Orders = { orders: z.infer<typeof order> & { state: string } };
type Payments = { charges: z.infer<typeof order> };

export const orderPlaced = defineEvent({
  type: 'shop.order.placed',
  version: 1,
  topic: 'shop.orders',
  key: (o) => o.orderId,
  data: order,
});
const outbox = createOutbox([orderPlaced]);

// The orders service: the business row and its event, one transaction.
export const placeOrder = (db: Kysely<Orders>, placed: z.infer<typeof order>) =>
  outbox.transaction(db, async ({ tx, emit }) => {
    await tx
      .insertInto('orders')
      .values({ ...placed, state: 'placed' })
      .execute();
    emit(orderPlaced(placed));
  });

// The payments service applies each event once, or declares that it will not.
export const payments = defineConsumer<Payments>({ name: 'payments', from: 'beginning' }).on(
  orderPlaced,
  async (event, { tx }) => {
    if (event.data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
    await tx.insertInto('charges').values(event.data).execute();
  },
);

// The orders service compensates what payments refused.
export const orders = defineConsumer<Orders>({ name: 'orders', from: 'beginning' }).onFailure(
  orderPlaced,
  { of: 'payments' },
  async (failure, { tx }) => {
    await tx
      .updateTable('orders')
      .set({ state: 'cancelled' })
      .where('orderId', '=', failure.event.data.orderId)
      .execute();
  },
);
