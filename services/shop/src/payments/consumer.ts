import { defineConsumer } from '@convergekit/inbox';
import { defaultPolicy, type Policy, type SlowSchedule } from '@convergekit/resilience';
import { step } from '@convergekit/saga';
import { paymentDeclined, paymentRefunded, paymentTaken, placeOrder } from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { refusal } from './limit.ts';
import type { Charge, Provider } from './provider-client.ts';
import type { PaymentsDb } from './tables.ts';

/** A customer waits: soon again, and what hangs is given up to be asked about. */
const policy: Policy = { ...defaultPolicy, attempts: 2, attemptTimeoutMs: 1_500, deadlineMs: 4_000 };
/** How long an order may take as a whole is its saga's deadline. */
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

/** The second step: the provider is another company, so its call is made outside any transaction. */
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
          const no = refusal(totalCents);
          if (no !== undefined) return paymentDeclined({ orderId, reason: no });
          return told(event.data, await provider.charge(orderId, totalCents, signal));
        },
        query: async ({ event, signal }) => {
          const charge = await provider.find(event.data.orderId, signal);
          return charge && told(event.data, charge);
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

function told({ orderId, totalCents, lines, country }: Reserved, charge: Charge) {
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
