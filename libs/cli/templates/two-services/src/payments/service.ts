import { BusinessRejection, defineConsumer, defineService } from 'convergekit';
import { type Order, orderPaid, orderPlaced } from '../events.ts';

/** The tables of migrations/, for typed queries. */
export interface Tables {
  charges: Order;
}

const LIMIT_CENTS = 100_000;

/**
 * Takes the payment of an order, once. A `BusinessRejection` is the declared "no": it is not retried, and `orders` learns
 * of it. Any other error is retried; when it does not end, the event is parked, and only its key waits.
 */
export const payments = defineConsumer<Tables>('payments', { from: 'first' }).on(
  orderPlaced,
  async ({ data }, { tx, emit }) => {
    if (data.cents > LIMIT_CENTS) throw new BusinessRejection('over the limit of this card');
    await tx.insertInto('charges').values(data).execute();
    emit(orderPaid(data));
  },
);

/** What the process of payments runs. */
export const paymentsService = defineService<Tables>('payments', {
  consumers: [payments],
  emits: [orderPaid],
});
