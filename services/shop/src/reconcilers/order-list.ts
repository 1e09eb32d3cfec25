import { defineReconciler, from } from 'convergekit';
import { paymentTaken } from '@convergekit/schemas';
import { scanPages } from '@convergekit/service-common';
import { type Kysely, sql } from 'kysely';
import type { ListedPayment, OrdersDb } from '../orders/tables.ts';
import type { PaymentsDb } from '../payments/tables.ts';

const CHUNK = 500;

/** Compares the order list, a read model, with the payments that it shows. */
export const orderListVsPayments = defineReconciler('order-list', {
  schedule: { cron: '*/5 * * * * *', jitterMs: 1_000 },
  mode: 'repair',
  timing: { settleMs: 3_000 },
  limits: { share: 1, repairs: 1_000 },
  keys: {
    scan: ({ desired, actual }, { after }) =>
      scanPages(after, {
        read: (behind) => entriesAfter(actual, behind),
        keyOf: ({ orderId }) => orderId,
        differing: async (page) => {
          const payments = await paymentsOf(
            desired,
            page.map(({ orderId }) => orderId),
          );
          return page
            .filter(({ orderId, payment }) => !agrees(payment, payments.get(orderId) ?? 'none'))
            .map(({ orderId }) => orderId);
        },
      }),
  },
  desired: from<PaymentsDb>('payments').read(
    async (orderId, db) => (await paymentsOf(db, [orderId])).get(orderId) ?? 'none',
  ),
  actual: from<OrdersDb>('orders').read(async (orderId, db) => {
    const row = await entries(db).where('orders.order_id', '=', orderId).executeTakeFirst();
    // An order without an entry in the list has no payment there.
    return row === undefined ? null : { payment: row.payment, version: row.version ?? 0 };
  }),
  version: 'version',
  inFlight: { topic: paymentTaken.topic, consumer: 'order-list' },
  // An order that is not there has its events before it.
  compare: (wanted, is) =>
    is === null || wanted === null || agrees(is.payment, wanted) ? null : { is, wanted },
  repair: async ({ is, wanted }, { tx, key, guard }) =>
    is.payment === null
      ? tx
          .insertInto('order_list')
          .columns(['order_id', 'total_cents', 'payment'])
          .expression(
            tx
              .selectFrom('orders')
              .select(['order_id', 'total_cents', sql<ListedPayment>`${wanted}`.as('payment')])
              .where('order_id', '=', key),
          )
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst()
      : guard.update('order_list', {
          key: { order_id: key },
          version: 'version',
          set: { payment: wanted, changed_at: sql<Date>`clock_timestamp()` },
        }),
  why: ({ is, wanted }) => `the list shows ${is.payment ?? 'no entry'}, the payment is ${wanted}`,
});

/**
 * A charge whose outcome comes after the cancellation of its order is recorded and undone, and its own event is never sent:
 * the list then says rightly that no money is held. An order that is neither paid nor listed yet has its first event before it.
 */
function agrees(listed: ListedPayment | null, payment: ListedPayment): boolean {
  return (
    (listed ?? 'none') === payment ||
    (listed === 'none' && (payment === 'refunded' || payment === 'declined'))
  );
}

function entries(db: Kysely<OrdersDb>) {
  return db
    .selectFrom('orders')
    .leftJoin('order_list', 'order_list.order_id', 'orders.order_id')
    .select(['orders.order_id as orderId', 'order_list.payment', 'order_list.version']);
}

function entriesAfter(db: Kysely<OrdersDb>, after: string | null) {
  const query = entries(db).orderBy('orders.order_id').limit(CHUNK);
  return (after === null ? query : query.where('orders.order_id', '>', after)).execute();
}

async function paymentsOf(
  db: Kysely<PaymentsDb>,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, ListedPayment>> {
  const rows = await db
    .selectFrom('payment')
    .select(['order_id', 'state'])
    .where('order_id', 'in', [...orderIds])
    .execute();
  return new Map(rows.map(({ order_id: id, state }) => [id, state]));
}
