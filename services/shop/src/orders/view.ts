import type { OrderLine } from '@convergekit/schemas';
import type { Kysely } from 'kysely';
import type { OrderState } from './order.ts';
import type { OrdersDb } from './tables.ts';

export interface OrderView {
  readonly orderId: string;
  readonly state: OrderState;
  readonly totalCents: number;
  readonly country: string;
  readonly lines: readonly OrderLine[];
  readonly reason: string | null;
  readonly history: readonly {
    readonly state: OrderState;
    readonly at: Date;
    readonly detail: string | null;
  }[];
}

export async function findOrder(db: Kysely<OrdersDb>, orderId: string): Promise<OrderView | undefined> {
  const order = await db.selectFrom('orders').selectAll().where('order_id', '=', orderId).executeTakeFirst();
  if (order === undefined) return undefined;
  const history = await db
    .selectFrom('order_history')
    .select(['state', 'at', 'detail'])
    .where('order_id', '=', orderId)
    .orderBy('version')
    .execute();
  return {
    orderId,
    state: order.state,
    totalCents: order.total_cents,
    country: order.country,
    lines: order.lines,
    reason: order.reason,
    history,
  };
}
