import { defaultPolicy, defineCall, defineConsumer, type Policy, type SlowSchedule, step } from 'convergekit';
import { paymentDeclined, paymentRefunded, paymentTaken, placeOrder } from '@convergekit/schemas';
import { noteEffect } from '@convergekit/service-common';
import { sql } from 'kysely';
import { z } from 'zod';
import type { Charge, Provider } from './provider-client.ts';
import type { PaymentsDb } from './tables.ts';

/** The limit above which the provider is not called. */
const limitCents = 500_000;

/** Returns the reason not to charge the amount; undefined if it may be charged. */
function refusalReason(amountCents: number): string | undefined {
  return amountCents > limitCents
    ? `${(amountCents / 100).toFixed(2)} is above our limit of ${(limitCents / 100).toFixed(2)}`
    : undefined;
}

/** Retries soon, because a customer waits; a hanging call is given up and queried. */
const policy: Policy = { ...defaultPolicy, attempts: 2, attemptTimeoutMs: 1_500, deadlineMs: 4_000 };
/** The schedule of retries. The saga's deadline bounds the order as a whole. */
const schedule: SlowSchedule = {
  fast: { baseMs: 250, factor: 2, capMs: 2_000 },
  fastAttempts: 20,
  slow: { baseMs: 5_000, factor: 2, capMs: 60_000 },
  withinMs: Number.POSITIVE_INFINITY,
};

/** Charges an order at the provider, which goes by the order's id. An order over the limit is declined without a call. */
const charge = (provider: Provider) =>
  defineCall('payments.charge', {
    input: z.object({ orderId: z.string(), totalCents: z.number() }),
    result: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('taken'), chargeId: z.string() }),
      z.object({ kind: z.literal('declined'), reason: z.string() }),
    ]),
    idempotency: 'keyed',
    key: ({ orderId }) => orderId,
    settleMs: 500,
    policy,
    schedule,
    call: async ({ orderId, totalCents }, sent): Promise<Charge> => {
      const reason = refusalReason(totalCents);
      return reason === undefined ? provider.charge(orderId, totalCents, sent) : { kind: 'declined', reason };
    },
    query: async ({ orderId }, sent) => {
      const found = await provider.find(orderId, sent);
      return found === undefined ? { kind: 'not_found' } : { kind: 'applied', result: found };
    },
    compensate: ({ input: { totalCents }, call }, sent) => provider.refund(call.key, totalCents, sent),
  });

/** The second step: calls the payment provider, another company, outside any transaction. */
export const payments = (provider: Provider) =>
  defineConsumer<PaymentsDb>('payments', { from: 'first' })
    .include(
      step(placeOrder.pay, {
        call: charge(provider),
        input: ({ event: { data } }) => ({ orderId: data.orderId, totalCents: data.totalCents }),
        outcome: (result, { event: { data } }) => {
          const { orderId, totalCents, lines, country } = data;
          if (result.kind === 'declined') return paymentDeclined({ orderId, reason: result.reason });
          const { chargeId } = result;
          return paymentTaken({ orderId, amountCents: totalCents, chargeId, lines: [...lines], country });
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
        undone: ({ intent, reason }) => {
          const { orderId, totalCents } = intent.data;
          return paymentRefunded({ orderId, amountCents: totalCents, reason: reason.text });
        },
        noop: (noop) => {
          const amountCents = noop.kind === 'no_effect' ? noop.intent.data.totalCents : 0;
          return paymentRefunded({ orderId: noop.key, amountCents, reason: noop.reason.text });
        },
      }),
    )
    .on(paymentRefunded, async (event, { tx }) => {
      await noteEffect(tx, 'payments', event);
      await tx
        .updateTable('payment')
        .set((row) => ({
          state: 'refunded',
          reason: event.data.reason,
          refunded_cents: row.ref('amount_cents'),
          version: sql`version + 1`,
        }))
        .where('order_id', '=', event.data.orderId)
        .where('state', '=', 'taken')
        .execute();
    });
