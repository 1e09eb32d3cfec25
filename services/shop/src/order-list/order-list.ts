import { type Kysely, sql } from 'kysely';
import type { ListedPayment, OrdersDb } from '../orders/tables.ts';

/** Records how a payment began. Topics have no common order: the placement of an order never takes a payment back. */
export async function recordPayment(
  tx: Kysely<OrdersDb>,
  orderId: string,
  payment: Exclude<ListedPayment, 'refunded'>,
): Promise<void> {
  await sql`
    insert into order_list as listed (order_id, total_cents, payment)
    select order_id, total_cents, ${payment} from orders where order_id = ${orderId}
    on conflict (order_id) do update set payment = excluded.payment, version = listed.version + 1, changed_at = clock_timestamp()
      where listed.payment = 'none' and excluded.payment <> 'none'`.execute(tx);
}

/** Records a refund. The event is also sent where nothing was taken: then there is nothing to show. */
export async function recordRefund(tx: Kysely<OrdersDb>, orderId: string): Promise<void> {
  await tx
    .updateTable('order_list')
    .set({ payment: 'refunded', version: sql`version + 1`, changed_at: sql<Date>`clock_timestamp()` })
    .where('order_id', '=', orderId)
    .where('payment', '=', 'taken')
    .execute();
}

export interface ListedOrder {
  readonly orderId: string;
  readonly totalCents: number;
  readonly payment: ListedPayment;
}

/** Lists orders with their payments, the latest first. */
export async function listOrders(db: Kysely<OrdersDb>, limit: number): Promise<readonly ListedOrder[]> {
  const rows = await db
    .selectFrom('order_list')
    .select(['order_id', 'total_cents', 'payment'])
    .orderBy('order_id', 'desc') // ids are UUIDv7: by time
    .limit(limit)
    .execute();
  return rows.map((row) => ({ orderId: row.order_id, totalCents: row.total_cents, payment: row.payment }));
}
