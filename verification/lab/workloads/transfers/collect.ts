import type { Database } from '@convergekit/postgres';
import type { AccountFact, BankFacts, MovementFact, TransferFact } from '../../../checker/banks.ts';
import type { Bank } from '../../../../services/transfers/src/migrations.ts';
import { bankNames } from './banks.ts';

const movementsSql = `
  select transfer_id as "transferId", kind, amount_cents::float8 as "amountCents" from movement`;
const accountsSql = `
  select account_id as "accountId", opened_cents::float8 as "openedCents", balance_cents::float8 as "balanceCents",
         coalesce((select sum(amount_cents) from movement m where m.account_id = a.account_id), 0)::float8 as "movedCents"
    from account a`;
const transfersSql = `
  select transfer_id as "transferId", state, amount_cents::float8 as "amountCents" from transfer`;

/** Reads the books of both banks. */
export async function readBanks(databases: Readonly<Record<Bank, Database>>): Promise<BankFacts> {
  const ofBoth = async <R>(text: string): Promise<readonly R[]> => {
    const read = bankNames.map((bank) => databases[bank].executor.query<R & Record<string, unknown>>(text));
    return (await Promise.all(read)).flatMap(({ rows }) => rows);
  };
  const { rows: transfers } = await databases.giro.executor.query<TransferFact>(transfersSql);
  return {
    transfers,
    movements: await ofBoth<MovementFact>(movementsSql),
    accounts: await ofBoth<AccountFact>(accountsSql),
  };
}
