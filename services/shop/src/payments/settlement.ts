import type { DomainEvent } from '@converge/contracts';
import type { Outbox } from '@converge/outbox';
import { paymentDeclined, paymentRefunded, paymentTaken } from '@converge/schemas';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { PaymentsDb, PaymentState } from './tables.ts';
import type { Settlement } from './work.ts';
import { type ClaimedWork, closeWork, postpone } from './work-store.ts';

/** What becomes of the payment, and the fact that is told. */
interface Ending {
  readonly state: PaymentState;
  readonly chargeId?: string;
  readonly reason?: string;
  readonly event: DomainEvent;
}

/** Result, payment and event in one transaction, if the claim is still ours; else nothing. */
export async function writeSettlement(
  { db, outbox }: { db: Kysely<PaymentsDb>; outbox: Outbox },
  work: ClaimedWork,
  settlement: Settlement,
): Promise<void> {
  if (settlement.kind === 'again') return postpone(db, work, settlement);
  const ending = endingOf(work, settlement);
  // A refund cannot be declined: keep asking, visibly, rather than lose money.
  if (ending === undefined)
    return postpone(db, work, { state: 'ready', delayMs: 2_000, why: 'the provider declined a refund' });
  await outbox.transaction(db, async ({ tx, emit }) => {
    if (!(await closeWork(tx, work))) return;
    await savePayment(tx, work.orderId, ending);
    const { eventId: causationId, correlationId, hops } = work.cause;
    emit(ending.event, { causationId, correlationId, hops });
  });
}

function endingOf(work: ClaimedWork, settlement: Exclude<Settlement, { kind: 'again' }>): Ending | undefined {
  const { orderId, amountCents, parcel, op } = work;
  if (op === 'refund') {
    if (settlement.kind === 'declined') return undefined;
    const reason = work.reason ?? 'refunded';
    return { state: 'refunded', event: paymentRefunded({ orderId, amountCents, reason }) };
  }
  if (settlement.kind === 'declined') {
    const { reason } = settlement;
    return { state: 'declined', reason, event: paymentDeclined({ orderId, reason }) };
  }
  const chargeId = settlement.reference;
  const lines = [...parcel.lines];
  return {
    state: 'taken',
    chargeId,
    event: paymentTaken({ orderId, amountCents, chargeId, lines, country: parcel.country }),
  };
}

async function savePayment(
  tx: Transaction<PaymentsDb>,
  orderId: string,
  { state, chargeId, reason }: Ending,
): Promise<void> {
  await tx
    .updateTable('payment')
    .set({
      state,
      changed_at: sql<Date>`clock_timestamp()`,
      ...(chargeId === undefined ? {} : { charge_id: chargeId }),
      ...(reason === undefined ? {} : { reason }),
    })
    .where('order_id', '=', orderId)
    .execute();
}
