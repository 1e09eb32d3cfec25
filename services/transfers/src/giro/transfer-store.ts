import type { NewId, TransactionFunction } from 'convergekit';
import { accountId, cents, transferRequested } from '@convergekit/schemas';
import { type Kysely, sql, type Transaction } from 'kysely';
import { z } from 'zod';
import type { GiroDb, TransferState } from '../tables.ts';

/** The request of a customer. */
export const transferRequest = z.strictObject({ from: accountId, to: accountId, amountCents: cents });
export type TransferRequest = z.infer<typeof transferRequest>;

/** The stored answer, which a repeated request gets again. */
export interface Requested {
  readonly transferId: string;
  readonly state: 'requested';
}

/** Requests a transfer: transfer, event and answer commit together; see the shop's `placeOrder`. */
export function requestTransfer(
  { transaction, newId }: { transaction: TransactionFunction<GiroDb>; newId: NewId },
  requestKey: string | undefined,
  request: TransferRequest,
  client?: AbortSignal,
): Promise<Requested> {
  return transaction({ requestKey, request, signal: client }, async ({ tx, emit }): Promise<Requested> => {
    const transferId = newId();
    const { from, to, amountCents } = request;
    await tx
      .insertInto('transfer')
      .values({ transfer_id: transferId, from_account: from, to_account: to, amount_cents: amountCents })
      .execute();
    emit(transferRequested({ transferId, ...request }));
    return { transferId, state: 'requested' };
  });
}

/** Ends a transfer once. A later end changes nothing, since its saga has only one end. */
export async function endTransfer(
  tx: Transaction<GiroDb>,
  transferId: string,
  end: { readonly state: 'settled' } | { readonly state: 'refused'; readonly reason: string },
): Promise<void> {
  await tx
    .updateTable('transfer')
    .set({
      state: end.state,
      reason: end.state === 'refused' ? end.reason : null,
      ended_at: sql<Date>`clock_timestamp()`,
    })
    .where('transfer_id', '=', transferId)
    .where('state', '=', 'requested')
    .execute();
}

export interface TransferView {
  readonly transferId: string;
  readonly from: string;
  readonly to: string;
  readonly amountCents: number;
  readonly state: TransferState;
  readonly reason: string | null;
}

export async function findTransfer(
  db: Kysely<GiroDb>,
  transferId: string,
): Promise<TransferView | undefined> {
  const row = await db
    .selectFrom('transfer')
    .selectAll()
    .where('transfer_id', '=', transferId)
    .executeTakeFirst();
  return (
    row && {
      transferId,
      from: row.from_account,
      to: row.to_account,
      amountCents: Number(row.amount_cents),
      state: row.state,
      reason: row.reason,
    }
  );
}
