import { defineReconciler, from, type Reconciler } from 'convergekit';
import { paymentRefunded } from '@convergekit/schemas';
import { type Kysely, sql } from 'kysely';
import type { ChargeFact, ProviderLedger } from '../payments/provider-ledger.ts';
import type { PaymentsDb } from '../payments/tables.ts';

const columns = ['order_id', 'state', 'amount_cents', 'refunded_cents', 'version'] as const;

/** Compares our payments with the provider's list, which is paged and limited in rate. Only records are corrected. */
export const paymentsVsProvider = (ledger: ProviderLedger): Reconciler =>
  defineReconciler('payments-vs-provider', {
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
    desired: from<PaymentsDb>('payments').read((orderId) => ledger.find(orderId)),
    actual: from<PaymentsDb>('payments').read(async (orderId, db) => {
      const row = await db
        .selectFrom('payment')
        .select(columns)
        .where('order_id', '=', orderId)
        .executeTakeFirst();
      return row === undefined ? null : factOf(row);
    }),
    version: 'version',
    lock: (orderId, tx) => tx.selectFrom('payment').where('order_id', '=', orderId),
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

/** A payment as we recorded it. */
interface PaymentFact {
  readonly orderId: string;
  readonly state: 'taken' | 'declined' | 'refunded';
  readonly amountCents: number;
  readonly refundedCents: number;
  readonly version: number;
}

interface PaymentDrift {
  readonly charge: ChargeFact | null;
  readonly payment: PaymentFact | null;
}

/** Compares the provider's charge with our payment. The provider moved the money, so its books are right. */
function compareCharge(charge: ChargeFact | null, payment: PaymentFact | null): PaymentDrift | null {
  const drift = { charge, payment };
  if (charge === null) return payment === null || payment.state === 'declined' ? null : drift; // we decline some ourselves
  // The call comes before its record.
  if (payment === null) return charge.state === 'declined' || charge.recent ? null : drift;
  const agrees =
    payment.amountCents === charge.amountCents &&
    payment.refundedCents === charge.refundedCents &&
    payment.state === stateOf(charge);
  return agrees ? null : drift;
}

/** The state of a payment by the provider's books. */
function stateOf({ state, refundedCents }: ChargeFact): PaymentFact['state'] {
  if (state === 'declined') return 'declined';
  return refundedCents > 0 ? 'refunded' : 'taken';
}

/** Returns a reason where money has moved otherwise than we recorded: a program may correct books, and moves no money. */
function unresolvablePayment({ charge, payment }: PaymentDrift): string | null {
  if (charge === null) return 'we recorded a payment that the provider does not know';
  if (payment === null) return 'the provider took a payment that we have no record of';
  if (charge.amountCents !== payment.amountCents)
    return `the provider has ${charge.amountCents} cents, we have ${payment.amountCents}`;
  if ((charge.state === 'declined') !== (payment.state === 'declined'))
    return `the provider says ${charge.state}, we recorded ${payment.state}`;
  if (payment.state === 'refunded' && charge.refundedCents === 0)
    return 'we recorded a refund that the provider has not made: the customer still misses the money';
  return null;
}
