import { defineConsumer } from '@convergekit/inbox';
import { defaultPolicy, type Policy, type SlowSchedule } from '@convergekit/resilience';
import { step } from '@convergekit/saga';
import { paymentDeclined, paymentRefunded, paymentTaken, placeOrder } from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { refusalReason } from './limit.ts';
import type { Charge, Provider } from './provider-client.ts';
import type { PaymentsDb } from './tables.ts';

/** Retries soon, because a customer waits; a hanging call is given up and queried. */
const policy: Policy = { ...defaultPolicy, attempts: 2, attemptTimeoutMs: 1_500, deadlineMs: 4_000 };
/** The schedule of retries. The saga's deadline bounds the order as a whole. */
const schedule: SlowSchedule = {
  fast: { baseMs: 250, factor: 2, capMs: 2_000 },
  fastAttempts: 20,
  slow: { baseMs: 5_000, factor: 2, capMs: 60_000 },
  withinMs: Number.POSITIVE_INFINITY,
};

interface Reserved {
  readonly orderId: string;
  readonly totalCents: number;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly country: string;
}

/** The second step: calls the payment provider, another company, outside any transaction. */
export const payments = (provider: Provider) =>
  defineConsumer<PaymentsDb>({ name: 'payments', from: 'beginning' })
    .include(
      step(placeOrder.pay, {
        idempotency: 'keyed',
        settleMs: 500,
        policy,
        schedule,
        apply: async ({ event, signal }) => {
          const { orderId, totalCents } = event.data;
          const no = refusalReason(totalCents);
          if (no !== undefined) return paymentDeclined({ orderId, reason: no });
          return eventOf(event.data, await provider.charge(orderId, totalCents, signal));
        },
        query: async ({ event, signal }) => {
          const charge = await provider.find(event.data.orderId, signal);
          return charge && eventOf(event.data, charge);
        },
        record: async ({ event, outcome }, { tx }) => {
          const { orderId, totalCents } = event.data;
          await noteEffect(tx, 'payments', event, 'apply');
          const payment = { order_id: orderId, amount_cents: totalCents };
          await tx
            .insertInto('payment')
            .values(
              'chargeId' in outcome.data
                ? { ...payment, state: 'taken', charge_id: outcome.data.chargeId, reason: null }
                : { ...payment, state: 'declined', charge_id: null, reason: outcome.data.reason },
            )
            .execute();
        },
        compensate: async ({ intent, reason, signal }) => {
          const { orderId, totalCents } = intent.data;
          await provider.refund(orderId, totalCents, signal);
          return paymentRefunded({ orderId, amountCents: totalCents, reason: reason.text });
        },
        noop: ({ key, reason, intent }) =>
          paymentRefunded({ orderId: key, amountCents: intent?.data.totalCents ?? 0, reason: reason.text }),
      }),
    )
    .on(paymentRefunded, async (event, { tx }) => {
      await noteEffect(tx, 'payments', event);
      await tx
        .updateTable('payment')
        .set({ state: 'refunded', reason: event.data.reason })
        .where('order_id', '=', event.data.orderId)
        .where('state', '=', 'taken')
        .execute();
    });

function eventOf({ orderId, totalCents, lines, country }: Reserved, charge: Charge) {
  return charge.kind === 'declined'
    ? paymentDeclined({ orderId, reason: charge.reason })
    : paymentTaken({
        orderId,
        amountCents: totalCents,
        chargeId: charge.chargeId,
        lines: [...lines],
        country,
      });
}
