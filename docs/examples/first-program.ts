import { BusinessRejection, defineConsumer, defineEvent, service } from 'convergekit';
import { z } from 'zod';

const data = z.object({ orderId: z.string(), cents: z.int().positive() });
type Tables = { orders: z.infer<typeof data>; charges: z.infer<typeof data> };
const orderPlaced = defineEvent({
  type: 'order.placed',
  version: 1,
  topic: 'orders',
  key: (order) => order.orderId,
  data,
});

// Payments: applies each event once, or refuses it.
const payments = defineConsumer<Tables>({ name: 'payments', from: 'beginning' }).on(
  orderPlaced,
  async (event, { tx }) => {
    if (event.data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
    await tx.insertInto('charges').values(event.data).execute();
  },
);

// Orders: compensates what payments refused.
const orders = defineConsumer<Tables>({ name: 'orders', from: 'beginning' }).onFailure(
  orderPlaced,
  { of: 'payments' },
  async (failure, { tx }) => {
    await tx.deleteFrom('orders').where('orderId', '=', failure.event.data.orderId).execute();
  },
);

await service<Tables>('shop', {
  consumers: [payments, orders],
  emits: [orderPlaced],
  relay: true,
  topics: 'create',
  onReady: async ({ db, outbox }) => {
    for (const request of [
      { orderId: 'small', cents: 4_200 },
      { orderId: 'large', cents: 420_000 },
    ])
      // The row and its event are one transaction, which a repeat of the request does not run again.
      await outbox.transaction(db, { requestKey: request.orderId, request }, async ({ tx, emit }) => {
        await tx.insertInto('orders').values(request).execute();
        emit(orderPlaced(request));
      });
  },
}).run();
