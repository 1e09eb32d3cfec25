import { defineReconciler, from } from 'convergekit';
import { orderConfirmed } from '@convergekit/schemas';
import { scanPages } from '@convergekit/service-common';
import type { Kysely } from 'kysely';
import { endReservation, rowsOfReservation } from '../inventory/stock-store.ts';
import type { InventoryDb } from '../inventory/tables.ts';
import type { OrdersDb } from '../orders/tables.ts';
import { compareReservation, endOf, unresolvable } from './reservation-drift.ts';

const CHUNK = 500;

/**
 * Compares reservations with ended orders, across two databases: shipped if confirmed, else released.
 * An order is confirmed with the event that ships its goods, so held goods count only when inventory has handled the order's
 * events. It is cancelled after inventory has released them.
 */
export const stockVsOrders = defineReconciler('stock-vs-orders', {
  schedule: '*/5 * * * * *',
  mode: 'repair',
  timing: { settleMs: 3_000 },
  limits: { share: 1, repairs: 1_000 },
  keys: {
    scan: ({ desired, actual }, { after }) =>
      scanPages(after, {
        read: (behind) => ordersAfter(desired, behind),
        keyOf: ({ order_id: id }) => id,
        differing: (page) => wrongOf(actual, page),
      }),
  },
  desired: from<OrdersDb>('orders').read(async (orderId, db) => {
    const order = await db
      .selectFrom('orders')
      .select('state')
      .where('order_id', '=', orderId)
      .executeTakeFirst();
    return order ?? null;
  }),
  actual: from<InventoryDb>('inventory').read(async (orderId, db) => {
    const lines = await db
      .selectFrom('reservation')
      .select(['sku', 'state', 'version'])
      .where('order_id', '=', orderId)
      .orderBy('sku')
      .execute();
    return lines.length === 0 ? null : { orderId, lines };
  }),
  version: ({ lines }) => lines.reduce((sum, { version }) => sum + version, 0),
  lock: rowsOfReservation,
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

type EndedOrder = Awaited<ReturnType<typeof ordersAfter>>[number];

function ordersAfter(orders: Kysely<OrdersDb>, after: string | null) {
  const query = orders.selectFrom('orders').select(['order_id', 'state']).orderBy('order_id').limit(CHUNK);
  return (after === null ? query : query.where('order_id', '>', after)).execute();
}

/** Finds those of the orders that ended and whose reservations are wrong, by one query. */
async function wrongOf(
  inventory: Kysely<InventoryDb>,
  orders: readonly EndedOrder[],
): Promise<readonly string[]> {
  const ends = new Map(orders.map(({ order_id: id, state }) => [id, endOf(state)]));
  const lines = await inventory
    .selectFrom('reservation')
    .select(['order_id', 'state'])
    .where('order_id', 'in', [...ends.keys()])
    .execute();
  const wrong = lines.filter(
    ({ order_id: id, state }) => ends.get(id) !== undefined && ends.get(id) !== state,
  );
  return [...new Set(wrong.map(({ order_id: id }) => id))];
}
