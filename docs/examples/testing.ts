import {
  BusinessRejection,
  defineCall,
  defineConsumer,
  defineEvent,
  type Found,
  defineSaga,
  step,
  type CompensationAnswer,
  type Compensation,
} from 'convergekit';
import { z } from 'zod';

const data = z.object({ order: z.string(), cents: z.int() });
const receipt = z.object({ receipt: z.string() });
type Order = z.infer<typeof data>;
type Receipt = z.infer<typeof receipt>;
const event = <const Type extends string>(type: Type, topic: string) =>
  defineEvent(type, { version: 1, topic, key: ({ order }: Order) => order, data });
export const ordered = event('shop.ordered', 'shop');
export const cancelled = event('shop.cancelled', 'shop');
export const picked = event('shop.picked', 'shelf');
const returned = event('shop.returned', 'shelf');
const paid = event('shop.paid', 'till');
const refunded = event('shop.refunded', 'till');
const sent = event('shop.sent', 'parcels');

/** An order: picked from the shelf, paid, and sent; undone where it cannot be sent. */
export const buy = defineSaga('buy', { start: ordered, cancel: cancelled, deadlineMs: 600_000 })
  .compensatable('pick', { by: 'shelf', success: picked, undone: returned })
  .compensatable('pay', { by: 'till', success: paid, undone: refunded, call: true })
  .pivot('send', { by: 'parcels', success: sent });

export interface ShopDb {
  picked: { order: string };
  parcel: { order: string };
}
export const SHOP_TABLES = `
  create table picked ("order" text primary key);
  create table parcel ("order" text primary key)`;

/** The bank, as the service calls it. */
export interface Bank {
  call(order: Order, context: { readonly idempotencyKey: string }): Promise<Receipt>;
  query(order: Order, context: { readonly idempotencyKey: string }): Promise<Found<Receipt>>;
  compensate(
    what: Compensation<Order, Receipt>,
    context: { readonly undoKey: string },
  ): Promise<CompensationAnswer>;
}

/** The consumers of the shop, with the bank that they call. */
export function shop(bank: Bank) {
  const charge = defineCall('bank.charge', {
    input: data,
    result: receipt,
    idempotency: 'keyed',
    call: (order, context) => bank.call(order, context),
    query: (order, context) => bank.query(order, context),
    compensate: (what, context) => bank.compensate(what, context),
  });
  const shelf = defineConsumer<ShopDb>('shelf', { from: 'first' }).include(
    step(buy.pick, {
      apply: async ({ data: order }, { tx }) => {
        if (order.cents > 100_000) throw new BusinessRejection('too dear to be on the shelf');
        await tx.insertInto('picked').values({ order: order.order }).execute();
        return picked(order);
      },
      compensate: async ({ intent: { data: order } }, { tx }) => {
        await tx.deleteFrom('picked').where('order', '=', order.order).execute();
        return returned(order);
      },
    }),
  );
  const till = defineConsumer<ShopDb>('till', { from: 'first' }).include(
    step(buy.pay, {
      call: charge,
      input: ({ event: { data: order } }) => order,
      outcome: (_, { event: { data: order } }) => paid(order),
      undone: ({ intent: { data: order } }) => refunded(order),
    }),
  );
  const parcels = defineConsumer<ShopDb>('parcels', { from: 'first' }).include(
    step(buy.send, {
      apply: async ({ data: order }, { tx }) => {
        await tx.insertInto('parcel').values({ order: order.order }).execute();
        return sent(order);
      },
    }),
  );
  return { consumers: [shelf, till, parcels], shelf, till, charge };
}
