import type { StockLine } from '@converge/schemas';
import type { Generated, JSONColumnType } from 'kysely';
import type { EffectTable } from '../common/effect.ts';

export interface ShippingDb {
  parcel: {
    order_id: string;
    tracking_id: string;
    country: string;
    lines: JSONColumnType<readonly StockLine[]>;
    handed_at: Generated<Date>;
  };
  effect: EffectTable;
}
