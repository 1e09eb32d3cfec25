import { type Transaction, sql } from 'kysely';
import { type Movement, refusalReason } from './account.ts';
import type { AccountsDb } from './tables.ts';

export interface Booking {
  readonly transferId: string;
  readonly accountId: string;
  readonly kind: Movement;
  /** The amount in cents; negative for outgoing money. */
  readonly amountCents: number;
}

/** Books an amount if the account allows it; otherwise returns the reason and writes nothing. Locks the account. */
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
  const no = refusalReason(booking.accountId, account, booking.amountCents);
  if (no === undefined) await move(tx, booking);
  return no;
}

/** Returns withdrawn money, even to an account that was closed since. */
export function returnMoney<DB extends AccountsDb>(
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
