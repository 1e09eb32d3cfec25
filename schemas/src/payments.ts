import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { cents, country, orderId, reason, stockLine } from './parts.ts';

const topic = 'shop.payments';
const key = (data: { orderId: string }): string => data.orderId;

/** The provider took the money. Carries what the next step needs. */
export const paymentTaken = defineEvent({
  type: 'shop.payment.taken',
  version: 1,
  topic,
  key,
  data: z.object({
    orderId,
    amountCents: cents,
    chargeId: z.string(),
    lines: z.array(stockLine).min(1),
    country,
  }),
});

/** The provider refused: no money moved. */
export const paymentDeclined = defineEvent({
  type: 'shop.payment.declined',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});

/** The provider has none of the customer's money (any more): what was taken was given back, 0 if nothing was. */
export const paymentRefunded = defineEvent({
  type: 'shop.payment.refunded',
  version: 2,
  topic,
  key,
  data: z.object({ orderId, amountCents: z.int().min(0), reason }),
  // Before it, nothing was told when there was nothing to give back.
  upcast: { 1: (data) => data },
});
