import { type Transaction, sql } from 'kysely';
import { type Movement, refusal } from './account.ts';
import type { AccountsDb } from './tables.ts';

export interface Booking {
  readonly transferId: string;
  readonly accountId: string;
  readonly kind: Movement;
  /** Negative: money leaves. */
  readonly amountCents: number;
}

/** Moves a balance, if the account may be moved so; else says why not, and nothing is written. Locks the account. */
export async function book<DB extends AccountsDb>(
  transaction: Transaction<DB>,
  booking: Booking,
): Promise<string | undefined> {
  const tx = transaction as unknown as Transaction<AccountsDb>;
  const row = await tx
    .selectFrom('account')
    .selectAll()
    .where('account_id', '=', booking.accountId)
    .forUpdate()
    .executeTakeFirst();
  const account = row && {
    accountId: row.account_id,
    balanceCents: Number(row.balance_cents),
    closed: row.closed,
  };
  const no = refusal(booking.accountId, account, booking.amountCents);
  if (no === undefined) await move(tx, booking);
  return no;
}

/** Gives back what was taken: also to an account that was closed since. */
export function giveBack<DB extends AccountsDb>(
  tx: Transaction<DB>,
  booking: Omit<Booking, 'kind'>,
): Promise<void> {
  return move(tx as unknown as Transaction<AccountsDb>, { ...booking, kind: 'returned' });
}

async function move(tx: Transaction<AccountsDb>, booking: Booking): Promise<void> {
  const { transferId, accountId, kind, amountCents } = booking;
  await tx
    .updateTable('account')
    .set({ balance_cents: sql<number>`balance_cents + ${amountCents}` })
    .where('account_id', '=', accountId)
    .execute();
  await tx
    .insertInto('movement')
    .values({ account_id: accountId, transfer_id: transferId, kind, amount_cents: amountCents })
    .execute();
}
