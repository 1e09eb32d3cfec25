import type { StockLine } from '@convergekit/schemas';
import type { EffectTable } from '@convergekit/service-common';
import type { Generated, JSONColumnType } from 'kysely';

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
