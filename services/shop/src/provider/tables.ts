import type { Generated } from 'kysely';

export interface ProviderDb {
  charge: {
    key: string;
    charge_id: string;
    amount_cents: number;
    state: 'taken' | 'declined';
    refund_key: string | null;
    refunded_cents: Generated<number>;
    at: Generated<Date>;
  };
}
