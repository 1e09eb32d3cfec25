import { defineReconciler } from '@convergekit/reconcile';
import { orderConfirmed } from '@convergekit/schemas';
import type { Kysely } from 'kysely';
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

/**
 * Compares reservations with ended orders, across two databases: shipped if confirmed, else released.
 * An order is confirmed with the event that ships its goods, so held goods count only when inventory has handled the order's
 * events. It is cancelled after inventory has released them.
 */
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
  limits: { share: 1, repairs: 1_000 },
  keys: { scan: ({ desired, actual }) => suspects(desired, actual) },
  desired: {
    in: 'orders',
    read: async (orderId, db) => {
      const order = await db
        .selectFrom('orders')
        .select('state')
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
      return lines.length === 0 ? null : { orderId, lines };
    },
    version: ({ lines }) => lines.reduce((sum, { version }) => sum + version, 0),
    lock: lockReservation,
  },
  inFlight: { topic: orderConfirmed.topic, consumer: 'inventory' },
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
