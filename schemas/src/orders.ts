import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { cents, country, orderId, orderLine, reason } from './parts.ts';

const topic = 'shop.orders';
const key = (data: { orderId: string }): string => data.orderId;

/** A customer's order was accepted; nothing is reserved or paid yet. */
export const orderPlaced = defineEvent({
  type: 'shop.order.placed',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, lines: z.array(orderLine).min(1).max(100), totalCents: cents, country }),
});

/** Reserved, paid and handed over: the order is done. */
export const orderConfirmed = defineEvent({
  type: 'shop.order.confirmed',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, totalCents: cents }),
});

/** All that was done for the order is undone. */
export const orderCancelled = defineEvent({
  type: 'shop.order.cancelled',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});

/**
 * Somebody wants the order called off. It is, as long as the carrier does not have the parcel: then all that was done
 * is undone, and the order is cancelled.
 */
export const orderCancelRequested = defineEvent({
  type: 'shop.order.cancel-requested',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});
