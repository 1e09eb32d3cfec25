import type { EffectTable } from '@convergekit/service-common';
import type { ColumnType, Generated } from 'kysely';
import type { Movement } from './account.ts';

/** int8, which the driver returns as text. */
type Cents = ColumnType<string, number, number>;

/** The tables of both banks. */
export interface AccountsDb {
  account: {
    account_id: string;
    opened_cents: Cents;
    balance_cents: Cents;
    closed: Generated<boolean>;
  };
  movement: {
    id: Generated<string>;
    account_id: string;
    transfer_id: string;
    kind: Movement;
    amount_cents: Cents;
    at: Generated<Date>;
  };
  effect: EffectTable;
}

export type TransferState = 'requested' | 'settled' | 'refused';

export interface GiroDb extends AccountsDb {
  transfer: {
    transfer_id: string;
    from_account: string;
    to_account: string;
    amount_cents: Cents;
    state: Generated<TransferState>;
    reason: ColumnType<string | null, undefined, string | null>;
    requested_at: Generated<Date>;
    ended_at: ColumnType<Date | null, undefined, Date>;
  };
}
