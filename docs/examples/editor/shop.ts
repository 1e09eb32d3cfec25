import {
  type Database,
  defineCall,
  defineConsumer,
  defineEvent,
  defineReconciler,
  defineSaga,
  from,
  type LocalContext,
  localStep,
  step,
} from 'convergekit';
import type { Broker } from 'convergekit/kafka';
import { createOutbox } from 'convergekit/postgres';
import type { Kysely } from 'kysely';
import { z } from 'zod';

/** What the examples in the comments of public names import: the shop that their reader has. */
export const order = z.object({ orderId: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof order>;
/** The database of the orders, which a reconciler reads. */
export interface OrdersDb {
  wanted: { sku: string; pieces: number };
}
export interface ShopDb {
  orders: { orderId: string; cents: number; state: string };
  stock: { sku: string; reserved: number; version: number };
}
const fact = <const Type extends string>(type: Type, topic: string) =>
  defineEvent(type, { topic, key: ({ orderId }) => orderId, data: order });

export const orderPlaced = fact('order.placed', 'orders');
export const orderCancelled = fact('order.cancelled', 'orders');
export const stockReserved = fact('stock.reserved', 'stock');
export const stockReturned = fact('stock.returned', 'stock');
export const paymentTaken = fact('payment.taken', 'payments');
export const paymentRefused = fact('payment.refused', 'payments');

/** The bank, as another company answers over HTTP. */
export declare const bank: {
  charge(input: Order, key: string, signal?: AbortSignal): Promise<{ receipt: string }>;
  refund(chargeKey: string, key: string): Promise<void>;
  find(key: string): Promise<string | undefined>;
};
export const charge = defineCall('bank.charge', {
  input: order,
  result: z.object({ receipt: z.string() }),
  idempotency: 'keyed',
  call: (input, { idempotencyKey, signal }) => bank.charge(input, idempotencyKey, signal),
  compensate: ({ call }, { undoKey }) => bank.refund(call.key, undoKey),
});

export const placeOrder = defineSaga('place-order', { start: orderPlaced, cancel: orderCancelled })
  .compensatable('reserve', { by: 'stock', success: stockReserved, undone: stockReturned })
  .pivot('pay', { by: 'payments', success: paymentTaken, failure: paymentRefused });

export const payments = defineConsumer<ShopDb>('payments', { from: 'first' }).include(
  step(placeOrder.pay, { apply: ({ data }) => paymentTaken(data) }),
);

export const bookOrder = localStep({
  input: order,
  result: z.object({}),
  apply: async (input, { tx }: LocalContext<ShopDb>) => {
    await tx
      .insertInto('orders')
      .values({ ...input, state: 'placed' })
      .execute();
    return {};
  },
  compensate: async ({ input: { orderId } }, { tx }) => {
    await tx.deleteFrom('orders').where('orderId', '=', orderId).execute();
  },
});

/** Lists the keys that a reconciler compares. */
export async function* allSkus({ actual }: { actual: Kysely<ShopDb> }): AsyncIterable<readonly string[]> {
  yield (await actual.selectFrom('stock').select('sku').execute()).map(({ sku }) => sku);
}
export const stock = defineReconciler('stock', {
  keys: { scan: allSkus },
  desired: from<OrdersDb>('orders').read(
    async (sku, db) =>
      (await db.selectFrom('wanted').selectAll().where('sku', '=', sku).executeTakeFirst())?.pieces ?? 0,
  ),
  actual: from<ShopDb>('shop').read((sku, db) =>
    db.selectFrom('stock').selectAll().where('sku', '=', sku).executeTakeFirst(),
  ),
  version: 'version',
  compare: (wanted, row) => (row === null || row.reserved === wanted ? null : wanted),
  repair: (wanted, { key, guard }) =>
    guard.update('stock', { key: { sku: key }, version: 'version', set: { reserved: wanted } }),
});

export declare const database: Database<ShopDb>;
export const outbox = createOutbox([orderPlaced, orderCancelled]);
/** Kafka, or the log in Postgres. */
export declare const broker: Broker;
