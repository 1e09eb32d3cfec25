import type { OrderLine } from '@convergekit/schemas';
import type { EffectTable } from '@convergekit/service-common';
import type { ColumnType, Generated, JSONColumnType } from 'kysely';
import type { OrderState } from './order.ts';

/** The state of an order's payment, as the order list shows it. */
export type ListedPayment = 'none' | 'taken' | 'declined' | 'refunded';

export interface OrdersDb {
  orders: {
    order_id: string;
    state: OrderState;
    lines: JSONColumnType<readonly OrderLine[]>;
    total_cents: number;
    country: string;
    reason: string | null;
    version: Generated<number>;
    placed_at: Generated<Date>;
    settled_at: ColumnType<Date | null, Date | undefined, Date>;
    cancel_requested_at: ColumnType<Date | null, undefined, Date>;
  };
  order_history: {
    order_id: string;
    version: number;
    state: OrderState;
    detail: string | null;
    at: Generated<Date>;
  };
  order_list: {
    order_id: string;
    total_cents: number;
    payment: ListedPayment;
    version: Generated<number>;
    changed_at: Generated<Date>;
  };
  effect: EffectTable;
}
