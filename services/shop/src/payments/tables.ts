import type { EffectTable } from '@convergekit/service-common';
import type { Generated } from 'kysely';

export interface PaymentsDb {
  payment: {
    order_id: string;
    amount_cents: number;
    state: 'taken' | 'declined' | 'refunded';
    charge_id: string | null;
    reason: string | null;
    changed_at: Generated<Date>;
    refunded_cents: Generated<number>;
    version: Generated<number>;
  };
  effect: EffectTable;
}
