import { BusinessRejection, defineConsumer, defineEvent, defineService } from 'convergekit';
import { z } from 'zod';

const data = z.object({ id: z.string(), cents: z.int().positive() });
type Tables = Record<'orders' | 'charges', z.infer<typeof data>>;
const placed = defineEvent('order.placed', { topic: 'orders', key: ({ id }) => id, data });

// Payments charges an order, or refuses it.
const payments = defineConsumer<Tables>('payments').on(placed, async ({ data }, { tx }) => {
  if (data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
  await tx.insertInto('charges').values(data).execute();
});

// Orders takes back what payments refused.
const orders = defineConsumer<Tables>('orders').onFailure(payments, placed, async ({ event }, { tx }) => {
  await tx.deleteFrom('orders').where('id', '=', event.data.id).execute();
});

// An order and its event are one transaction, which a second call with this request key does not run again.
await defineService<Tables>('shop', {
  consumers: [payments, orders],
  emits: [placed],
  onReady: async ({ transaction }) => {
    for (const [id, cents] of Object.entries({ small: 4_200, large: 420_000 }))
      await transaction({ requestKey: id, request: cents }, async ({ tx, emit }) => {
        await tx.insertInto('orders').values({ id, cents }).execute();
        emit(placed({ id, cents }));
      });
  },
}).run();
