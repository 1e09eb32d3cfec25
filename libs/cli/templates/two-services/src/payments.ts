import { BusinessRejection, defineConsumer, defineService } from 'convergekit';
import { type Order, placed } from './events.ts';

interface Tables {
  charges: Order;
}

const payments = defineConsumer<Tables>('payments').on(placed, async ({ data }, { tx }) => {
  if (data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
  await tx.insertInto('charges').values(data).execute();
});

await defineService('payments', { consumers: [payments] }).run();
