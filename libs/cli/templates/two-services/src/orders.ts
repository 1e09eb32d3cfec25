import { defineConsumer, defineService, type ServiceParts } from 'convergekit';
import { type Order, placed } from './events.ts';

interface Tables {
  orders: Order;
}

// Takes back what payments refused. `otherService`: that consumer runs in a service of its own.
const orders = defineConsumer<Tables>('orders').onFailure(
  placed,
  { of: 'payments', otherService: true },
  async ({ event }, { tx }) => {
    await tx.deleteFrom('orders').where('id', '=', event.data.id).execute();
  },
);

// An order and its event are one transaction, which a second call with this request key does not run again.
const onReady = async ({ db, outbox }: ServiceParts<Tables>) => {
  for (const [id, cents] of Object.entries({ small: 4_200, large: 420_000 }))
    await outbox.transaction(db, { requestKey: id, request: cents }, async ({ tx, emit }) => {
      await tx.insertInto('orders').values({ id, cents }).execute();
      emit(placed({ id, cents }));
    });
};

await defineService('orders', { consumers: [orders], emits: [placed], onReady }).run();
