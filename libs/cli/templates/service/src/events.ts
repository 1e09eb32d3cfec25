import { defineEvent, defineSaga } from 'convergekit';
import { z } from 'zod';

/** What every event of an order carries. */
const order = z.object({
  orderId: z.string(),
  sku: z.string(),
  pieces: z.int().positive(),
  cents: z.int().positive(),
});
export type Order = z.infer<typeof order>;

/** Events of one key, here the order, reach every consumer in the order in which they were committed: within one topic. */
const event = <const Type extends string>(type: Type) =>
  defineEvent(type, { topic: 'my-service.orders', key: ({ orderId }: Order) => orderId, data: order });

export const orderPlaced = event('order.placed');
export const orderPaid = event('order.paid');
export const orderPicked = event('order.picked');
export const outOfStock = event('order.out-of-stock');
export const orderPutBack = event('order.put-back');
export const orderShipped = event('order.shipped');
export const shippingRefused = event('order.shipping-refused');

/** A paid order is picked, then shipped. When the carrier refuses it, its pieces go back to the shelf. */
export const deliverOrder = defineSaga('deliver-order', { start: orderPaid, deadlineMs: 15 * 60_000 })
  .compensatable('pick', {
    by: 'warehouse',
    success: orderPicked,
    failure: outOfStock,
    undone: orderPutBack,
  })
  .pivot('ship', { by: 'carrier', success: orderShipped, failure: shippingRefused });
