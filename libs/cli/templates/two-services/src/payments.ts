import { BusinessRejection, defineConsumer, service } from 'convergekit';
import { type Order, placed } from './events.ts';

interface Tables {
  charges: Order;
}

const payments = defineConsumer<Tables>({ name: 'payments' }).on(placed, async ({ data }, { tx }) => {
  if (data.cents > 100_000) throw new BusinessRejection('over the limit of this card');
  await tx.insertInto('charges').values(data).execute();
});

await service('payments', { consumers: [payments] }).run();
