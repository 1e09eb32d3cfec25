import { defineReconciler } from '@converge/reconcile';
import type { Kysely } from 'kysely';
import { endReservation } from '../inventory/stock-store.ts';
import type { InventoryDb } from '../inventory/tables.ts';
import type { OrderState } from '../orders/order.ts';
import type { OrdersDb } from '../orders/tables.ts';
import {
  compareReservation,
  endOf,
  type ReservationDrift,
  type ReservationFact,
  unresolvable,
} from './reservation-drift.ts';

const chunkSize = 500;

/** Goods held for an order that has ended, across two databases: shipped when it was confirmed, else released. */
export const stockVsOrders = defineReconciler<
  OrdersDb,
  { readonly state: OrderState },
  InventoryDb,
  ReservationFact,
  ReservationDrift
>({
  name: 'stock-vs-orders',
  schedule: '*/5 * * * * *',
  mode: 'repair',
  // The event that ends a reservation is normally there within a second; longer means that it went astray.
  timing: { settleMs: 3_000 },
  limits: { share: 1 },
  keys: { scan: ({ desired, actual }) => suspects(desired, actual) },
  desired: {
    in: 'orders',
    read: async (orderId, db) =>
      (await db.selectFrom('orders').select('state').where('order_id', '=', orderId).executeTakeFirst()) ??
      null,
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
  },
  compare: compareReservation,
  unresolvable,
  repair: async ({ orderId, wanted, lines }, { tx }) => {
    const now = await tx
      .selectFrom('reservation')
      .select(['sku', 'version'])
      .where('order_id', '=', orderId)
      .forUpdate()
      .execute();
    const versions = new Map(now.map(({ sku, version }) => [sku, version]));
    if (lines.some(({ sku, version }) => versions.get(sku) !== version)) return 0;
    return (await endReservation(tx, orderId, wanted)) ? lines.length : 0;
  },
  why: ({ wanted, lines }) =>
    `${lines.map(({ sku, state }) => `${sku} ${state}`).join(', ')}: should be ${wanted}`,
});

/** Ended orders whose goods are not where they should be: a chunk of orders, then one look at their reservations. */
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
