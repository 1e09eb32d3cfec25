import { randomUUID } from 'node:crypto';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Cause, ParcelData, PaymentsDb } from './tables.ts';
import type { Op, Work } from './work.ts';

export interface ClaimedWork extends Work {
  readonly orderId: string;
  readonly amountCents: number;
  readonly parcel: ParcelData;
  readonly reason: string | null;
  readonly cause: Cause;
  /** Fences the settlement. */
  readonly claim: string;
}

/**
 * Claims what is due, oldest first. SKIP LOCKED: workers never wait for each other; the claim commits before the call,
 * and the row turns `unknown` with it, so that after a crash the next worker asks instead of calling again. `due`
 * carries the state from before. Index: payment_work_due (open rows only).
 */
export async function claimDue(
  db: Kysely<PaymentsDb>,
  { limit, leaseMs }: { readonly limit: number; readonly leaseMs: number },
): Promise<readonly ClaimedWork[]> {
  const claim = randomUUID();
  const { rows } = await sql<{
    order_id: string;
    op: Op;
    before: 'ready' | 'unknown';
    attempts: number;
    cause: Cause;
    amount_cents: number;
    parcel: ParcelData;
    reason: string | null;
  }>`
    with due as (
      select order_id, op, state from payment_work
      where state <> 'done' and due_at <= clock_timestamp()
        and (claimed_until is null or claimed_until < clock_timestamp())
      order by due_at limit ${limit} for update skip locked)
    update payment_work work
    set claim = ${claim}, claimed_until = clock_timestamp() + make_interval(secs => ${leaseMs}::float8 / 1000),
        attempts = work.attempts + 1, state = 'unknown'
    from due join payment using (order_id)
    where work.order_id = due.order_id and work.op = due.op
    returning work.order_id, work.op, due.state as before, work.attempts, work.cause,
              payment.amount_cents, payment.parcel, payment.reason`.execute(db);
  return rows.map((row) => ({
    orderId: row.order_id,
    op: row.op,
    state: row.before,
    attempts: row.attempts,
    amountCents: row.amount_cents,
    parcel: row.parcel,
    reason: row.reason,
    cause: row.cause,
    claim,
  }));
}

/** Closes the row if it is still ours; false = somebody else has claimed it since, drop what we know. */
export async function closeWork(tx: Transaction<PaymentsDb>, work: ClaimedWork): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('payment_work')
    .set({ state: 'done', claim: null, claimed_until: null, last_error: null })
    .where('order_id', '=', work.orderId)
    .where('op', '=', work.op)
    .where('claim', '=', work.claim)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function postpone(
  db: Kysely<PaymentsDb>,
  work: ClaimedWork,
  next: { readonly state: 'ready' | 'unknown'; readonly delayMs: number; readonly why: string },
): Promise<void> {
  await db
    .updateTable('payment_work')
    .set({
      state: next.state,
      due_at: sql<Date>`clock_timestamp() + make_interval(secs => ${next.delayMs}::float8 / 1000)`,
      claim: null,
      claimed_until: null,
      last_error: next.why,
    })
    .where('order_id', '=', work.orderId)
    .where('op', '=', work.op)
    .where('claim', '=', work.claim)
    .execute();
}
