import { defineEvent, defineSaga } from 'convergekit';
import { z } from 'zod';

const order = z.object({ id: z.string(), sku: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof order>;
const event = <const Type extends string>(type: Type, topic: string) =>
  defineEvent(type, { version: 1, topic, key: ({ id }: Order) => id, data: order });

export const placed = event('order.placed', 'orders');
export const cancelAsked = event('order.cancel-asked', 'orders');
export const reserved = event('stock.reserved', 'stock');
export const outOfStock = event('stock.out', 'stock');
export const released = event('stock.released', 'stock');
export const charged = event('money.charged', 'money');
export const declined = event('money.declined', 'money');
export const refunded = event('money.refunded', 'money');
export const labelled = event('label.printed', 'labels');
export const shipped = event('parcel.shipped', 'parcels');
export const refused = event('parcel.refused', 'parcels');
export const filed = event('order.filed', 'files');
export const stamped = event('order.stamped', 'stamps');
export const notStamped = event('order.not-stamped', 'stamps');

const note = z.object({ customer: z.string(), line: z.int() });
export const noted = defineEvent('customer.noted', {
  version: 1,
  topic: 'notes',
  key: ({ customer }) => customer,
  data: note,
});

/** Five steps of two services. `label` is refused by its dead letter, and undone with the kit's own event. */
export const buy = defineSaga('buy', { start: placed, cancel: cancelAsked, deadlineMs: 30 * 60_000 })
  .compensatable('reserve', { by: 'stock', success: reserved, failure: outOfStock, undone: released })
  .compensatable('charge', {
    by: 'money',
    success: charged,
    failure: declined,
    undone: refunded,
    call: true,
  })
  .compensatable('label', { by: 'labels', success: labelled, call: true })
  .pivot('ship', { by: 'parcels', success: shipped, failure: refused })
  .retriable('file', { by: 'money', success: filed });
