import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { cents, country, orderId, reason, stockLine } from './parts.ts';

const topic = 'shop.inventory';
const key = (data: { orderId: string }): string => data.orderId;

/** All lines of the order are set aside. Carries what the next step needs. */
export const stockReserved = defineEvent({
  type: 'shop.stock.reserved',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, lines: z.array(stockLine).min(1), totalCents: cents, country }),
});

/** Not all lines could be set aside: none is. */
export const stockRejected = defineEvent({
  type: 'shop.stock.rejected',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});

/** What was set aside for the order is back on the shelf. */
export const stockReleased = defineEvent({
  type: 'shop.stock.released',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});
