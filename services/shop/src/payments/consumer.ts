import { defineConsumer } from '@converge/inbox';
import { BusinessRejection } from '@converge/resilience';
import { paymentTaken, stockReserved } from '@converge/schemas';
import { noteEffect } from '../common/effect.ts';
import { causeOf, intend } from './intent.ts';
import { refusal } from './limit.ts';
import type { PaymentsDb } from './tables.ts';

/**
 * The second step. A slice only writes the intent: the call to the provider is the worker's, outside any slice, and
 * it emits payment.taken, payment.declined or payment.refunded with the result.
 */
export const payments = defineConsumer<PaymentsDb>({ name: 'payments', from: 'beginning' })
  .on(stockReserved, async (event, { tx }) => {
    const { orderId, totalCents, lines, country } = event.data;
    const no = refusal(totalCents);
    if (no !== undefined) throw new BusinessRejection(no, { code: 'OVER_LIMIT' });
    await noteEffect(tx, 'payments', event);
    await tx
      .insertInto('payment')
      .values({
        order_id: orderId,
        amount_cents: totalCents,
        state: 'pending',
        parcel: JSON.stringify({ lines, country }),
        charge_id: null,
        reason: null,
      })
      .execute();
    await intend(tx, orderId, 'charge', causeOf(event));
  })
  .onFailure(paymentTaken, { of: 'shipping' }, async (failure, { tx, event }) => {
    const { orderId } = failure.event.data;
    await noteEffect(tx, 'payments', event);
    await tx
      .updateTable('payment')
      .set({ state: 'refunding', reason: failure.message })
      .where('order_id', '=', orderId)
      .where('state', '=', 'taken')
      .execute();
    await intend(tx, orderId, 'refund', causeOf(event));
  });
