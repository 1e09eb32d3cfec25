import { BusinessRejection, defineConsumer, defineEvent, defineService } from 'convergekit';
import { z } from 'zod';

export const orderPlaced = defineEvent('order.placed', {
  version: 1,
  topic: 'orders',
  key: (order) => order.orderId,
  data: z.object({ orderId: z.string(), cents: z.int().positive() }),
});

/** Applies each event once, or rejects it. */
export const payments = defineConsumer<{ charges: { orderId: string; cents: number } }>('payments', {
  from: 'first',
}).on(orderPlaced, async (event, { tx }) => {
  if (event.data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
  await tx.insertInto('charges').values(event.data).execute();
});

/** The process: `await main.run()`. Settings come from the environment, a YAML file and flags. */
export const main = defineService('payments', { consumers: [payments] });
