import type { EffectTable } from '@convergekit/service-common';
import type { Generated } from 'kysely';
import type { ReservationState } from './stock.ts';

export interface InventoryDb {
  stock: {
    sku: string;
    initial: number;
    on_hand: number;
    reserved: Generated<number>;
    shipped: Generated<number>;
    version: Generated<number>;
  };
  reservation: {
    order_id: string;
    sku: string;
    quantity: number;
    state: ReservationState;
    version: Generated<number>;
    changed_at: Generated<Date>;
  };
  effect: EffectTable;
}
