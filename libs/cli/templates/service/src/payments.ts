import { BusinessRejection, defineConsumer } from 'convergekit';
import { orderPaid, orderPlaced } from './events.ts';
import type { Tables } from './tables.ts';

const LIMIT_CENTS = 100_000;

/**
 * Takes the payment of an order, once. A `BusinessRejection` is the declared "no": it is not retried, and `orders` learns
 * of it. Any other error is retried; when it does not end, the event is parked, and only its key waits.
 */
export const payments = defineConsumer<Tables>('payments', { from: 'first' }).on(
  orderPlaced,
  async ({ data }, { tx, emit }) => {
    if (data.cents > LIMIT_CENTS) throw new BusinessRejection('over the limit of this card');
    await tx.insertInto('charges').values({ orderId: data.orderId, cents: data.cents }).execute();
    emit(orderPaid(data));
  },
);
