import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { cents, country, orderId, orderLine, reason } from './parts.ts';

const topic = 'shop.orders';
const key = (data: { orderId: string }): string => data.orderId;

/** A customer's order was accepted; nothing is reserved or paid yet. */
export const orderPlaced = defineEvent('shop.order.placed', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, lines: z.array(orderLine).min(1).max(100), totalCents: cents, country }),
});

/** The order is done: reserved, paid and handed over. */
export const orderConfirmed = defineEvent('shop.order.confirmed', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, totalCents: cents }),
});

/** Everything that was done for the order is compensated. */
export const orderCancelled = defineEvent('shop.order.cancelled', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});

/**
 * A customer requests the cancellation of an order.
 * It succeeds as long as the carrier does not have the parcel: then the order's steps are compensated, and it is cancelled.
 */
export const orderCancelRequested = defineEvent('shop.order.cancel-requested', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});
