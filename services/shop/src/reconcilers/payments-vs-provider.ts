import { type Reconciler, defineReconciler } from '@convergekit/reconcile';
import { paymentRefunded } from '@convergekit/schemas';
import { type Kysely, sql } from 'kysely';
import type { ChargeFact, ProviderLedger } from '../payments/provider-ledger.ts';
import type { PaymentsDb } from '../payments/tables.ts';
import {
  compareCharge,
  type PaymentDrift,
  type PaymentFact,
  stateOf,
  unresolvablePayment,
} from './payment-drift.ts';

const columns = ['order_id', 'state', 'amount_cents', 'refunded_cents', 'version'] as const;

/** Compares our payments with the provider's list, which is paged and limited in rate. Only records are corrected. */
export const paymentsVsProvider = (ledger: ProviderLedger): Reconciler =>
  defineReconciler<PaymentsDb, ChargeFact, PaymentsDb, PaymentFact, PaymentDrift>({
    name: 'payments-vs-provider',
    schedule: { cron: '*/10 * * * * *', jitterMs: 2_000 },
    mode: 'repair',
    // Longer than a refund takes from the provider's answer to our record of it.
    timing: { settleMs: 30_000 },
    limits: { share: 1, repairs: 1_000 },
    keys: {
      async *scan({ actual }, { after: from }) {
        for (let after = from; ;) {
          const { charges, next } = await ledger.list(after);
          const payments = await paymentsBetween(actual, after, next);
          yield {
            keys: suspects(charges, payments),
            compared: Math.max(charges.length, payments.length),
            ...(next !== null && { checkpoint: next }),
          };
          if (next === null) return;
          after = next;
        }
      },
    },
    // The provider is no database of ours: the key is read over its API.
    desired: { in: 'payments', read: (orderId) => ledger.find(orderId) },
    actual: {
      in: 'payments',
      read: async (orderId, db) => {
        const row = await db
          .selectFrom('payment')
          .select(columns)
          .where('order_id', '=', orderId)
          .executeTakeFirst();
        return row === undefined ? null : factOf(row);
      },
      version: 'version',
      lock: (orderId, tx) =>
        tx.selectFrom('payment').select('order_id').where('order_id', '=', orderId).forUpdate().execute(),
    },
    // A refund is recorded when its event is handled; until then, and while its call is open, our record is not wrong.
    inFlight: { topic: paymentRefunded.topic, consumer: 'payments' },
    compare: compareCharge,
    unresolvable: unresolvablePayment,
    repair: ({ charge }, { key, guard }) =>
      charge === null
        ? Promise.resolve(0)
        : guard.update('payment', {
            key: { order_id: key },
            version: 'version',
            set: {
              state: stateOf(charge),
              refunded_cents: charge.refundedCents,
              changed_at: sql<Date>`clock_timestamp()`,
            },
          }),
    why: ({ charge, payment }) =>
      `recorded ${payment?.state ?? 'nothing'} with ${payment?.refundedCents ?? 0} cents refunded, the provider has ${charge?.state ?? 'nothing'} with ${charge?.refundedCents ?? 0}`,
  });

/** The keys of one page that differ: only they are asked for one by one. */
function suspects(charges: readonly ChargeFact[], payments: readonly PaymentFact[]): readonly string[] {
  const ours = new Map(payments.map((payment) => [payment.orderId, payment]));
  const theirs = new Map(charges.map((charge) => [charge.orderId, charge]));
  return [...new Set([...ours.keys(), ...theirs.keys()])].filter(
    (key) => compareCharge(theirs.get(key) ?? null, ours.get(key) ?? null) !== null,
  );
}

async function paymentsBetween(
  db: Kysely<PaymentsDb>,
  after: string | null,
  upTo: string | null,
): Promise<readonly PaymentFact[]> {
  let query = db.selectFrom('payment').select(columns);
  if (after !== null) query = query.where('order_id', '>', after);
  if (upTo !== null) query = query.where('order_id', '<=', upTo);
  return (await query.execute()).map(factOf);
}

function factOf(row: {
  order_id: string;
  state: PaymentFact['state'];
  amount_cents: number;
  refunded_cents: number;
  version: number;
}): PaymentFact {
  const { order_id: orderId, amount_cents: amountCents, refunded_cents: refundedCents, state, version } = row;
  return { orderId, state, amountCents, refundedCents, version };
}
