import { BusinessRejection, defineConsumer, defineEvent, service, type ServiceParts } from 'convergekit';
import { z } from 'zod';

const data = z.object({ id: z.string(), cents: z.int().positive() });
type Tables = Record<'orders' | 'charges', z.infer<typeof data>>;
const orderPlaced = defineEvent({ type: 'order.placed', topic: 'orders', key: ({ id }) => id, data });

// Payments applies each event once, or refuses it.
const payments = defineConsumer<Tables>({ name: 'payments' }).on(orderPlaced, ({ data }, { tx, write }) => {
  if (data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
  write(tx.insertInto('charges').values(data));
});

// Orders compensates what payments refused.
const orders = defineConsumer<Tables>({ name: 'orders' }).onFailure(
  orderPlaced,
  { of: 'payments' },
  ({ event }, { tx, write }) => write(tx.deleteFrom('orders').where('id', '=', event.data.id)),
);

// A row and its event are one transaction, which a repeat of the request does not run again.
const onReady = async ({ db, outbox }: ServiceParts<Tables>) => {
  for (const [id, cents] of Object.entries({ small: 4_200, large: 420_000 }))
    await outbox.transaction(db, { requestKey: id, request: cents }, async ({ tx, emit }) => {
      await tx.insertInto('orders').values({ id, cents }).execute();
      emit(orderPlaced({ id, cents }));
    });
};

await service('shop', { consumers: [payments, orders], emits: [orderPlaced], onReady }).run();
