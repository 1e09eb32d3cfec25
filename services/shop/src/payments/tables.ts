import type { StockLine } from '@converge/schemas';
import type { Generated, JSONColumnType } from 'kysely';
import type { EffectTable } from '../common/effect.ts';
import type { Op } from './work.ts';

export type PaymentState = 'pending' | 'taken' | 'declined' | 'refunding' | 'refunded';

/** What shipping will need when the money is there. */
export interface ParcelData {
  readonly lines: readonly StockLine[];
  readonly country: string;
}

/** The event that asked for a call: the answer's event continues its story. */
export interface Cause {
  readonly eventId: string;
  readonly correlationId: string;
  readonly hops: number;
}

export interface PaymentsDb {
  payment: {
    order_id: string;
    amount_cents: number;
    state: PaymentState;
    parcel: JSONColumnType<ParcelData>;
    charge_id: string | null;
    reason: string | null;
    changed_at: Generated<Date>;
  };
  payment_work: {
    order_id: string;
    op: Op;
    state: Generated<'ready' | 'unknown' | 'done'>;
    attempts: Generated<number>;
    due_at: Generated<Date>;
    claim: string | null;
    claimed_until: Date | null;
    last_error: string | null;
    cause: JSONColumnType<Cause>;
  };
  effect: EffectTable;
}
