import { defineReconciler } from '@convergekit/reconcile';
import { type Kysely, sql } from 'kysely';
import { endReservation, lockReservation } from '../inventory/stock-store.ts';
import type { InventoryDb } from '../inventory/tables.ts';
import type { OrdersDb } from '../orders/tables.ts';
import {
  compareReservation,
  endOf,
  type OrderFact,
  type ReservationDrift,
  type ReservationFact,
  unresolvable,
} from './reservation-drift.ts';

const chunkSize = 500;
/** Longer than any expected outage of the event that ends a reservation. */
const longAgo = '10 minutes';
/** Compares reservations with ended orders, across two databases: shipped if confirmed, else released. */
export const stockVsOrders = defineReconciler<
  OrdersDb,
  OrderFact,
  InventoryDb,
  ReservationFact,
  ReservationDrift
>({
  name: 'stock-vs-orders',
  schedule: '*/5 * * * * *',
  mode: 'repair',
  timing: { settleMs: 3_000 },
  limits: { share: 1 },
  keys: { scan: ({ desired, actual }) => suspects(desired, actual) },
  desired: {
    in: 'orders',
    read: async (orderId, db) => {
      const order = await db
        .selectFrom('orders')
        .select([
          'state',
          sql<boolean>`coalesce(settled_at < now() - ${longAgo}::interval, false)`.as('longAgo'),
        ])
        .where('order_id', '=', orderId)
        .executeTakeFirst();
      return order ?? null;
    },
  },
  actual: {
    in: 'inventory',
    read: async (orderId, db) => {
      const lines = await db
        .selectFrom('reservation')
        .select(['sku', 'state', 'version'])
        .where('order_id', '=', orderId)
        .orderBy('sku')
        .execute();
      if (lines.length === 0) return null;
      const ended = await db
        .selectFrom('effect')
        .select('id')
        .where('key', '=', orderId)
        // These events end a reservation: the order's confirmation, or the undo of the reservation.
        .where((row) =>
          row.or([row('event_type', '=', 'shop.order.confirmed'), row('act', '=', 'compensate')]),
        )
        .executeTakeFirst();
      return { orderId, handled: ended !== undefined, lines };
    },
    version: ({ lines }) => lines.reduce((sum, { version }) => sum + version, 0),
    lock: lockReservation,
  },
  compare: compareReservation,
  unresolvable,
  repair: async ({ orderId, wanted, lines }, { tx, guard }) => {
    await guard.lock();
    return (await endReservation(tx, orderId, wanted)) ? lines.length : 0;
  },
  why: ({ wanted, lines }) =>
    `${lines.map(({ sku, state }) => `${sku} ${state}`).join(', ')}: should be ${wanted}`,
});

/** Finds ended orders with wrong reservations: a chunk of orders, then one query of their reservations. */
async function* suspects(
  orders: Kysely<OrdersDb>,
  inventory: Kysely<InventoryDb>,
): AsyncIterable<readonly string[]> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const chunk = await orders
      .selectFrom('orders')
      .select(['order_id', 'state'])
      .where('order_id', '>', after)
      .orderBy('order_id')
      .limit(chunkSize)
      .execute();
    const last = chunk.at(-1);
    if (last === undefined) return;
    after = last.order_id;
    const ends = new Map(chunk.map(({ order_id: id, state }) => [id, endOf(state)]));
    const lines = await inventory
      .selectFrom('reservation')
      .select(['order_id', 'state'])
      .where('order_id', 'in', [...ends.keys()])
      .execute();
    const wrong = lines.filter(
      ({ order_id: id, state }) => ends.get(id) !== undefined && ends.get(id) !== state,
    );
    yield [...new Set(wrong.map(({ order_id: id }) => id))];
  }
}
