import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { cents, country, orderId, reason, stockLine } from './parts.ts';

const topic = 'shop.inventory';
const key = (data: { orderId: string }): string => data.orderId;

/** The event that all lines of the order are reserved. The payload has the data for the next step. */
export const stockReserved = defineEvent('shop.stock.reserved', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, lines: z.array(stockLine).min(1), totalCents: cents, country }),
});

/** A line could not be reserved, so none is. */
export const stockRejected = defineEvent('shop.stock.rejected', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});

/** The order's reservation was released. */
export const stockReleased = defineEvent('shop.stock.released', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});
