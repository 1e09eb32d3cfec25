import { defineEvent } from '@converge/contracts';
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

/** The provider gave the money back. */
export const paymentRefunded = defineEvent({
  type: 'shop.payment.refunded',
  version: 1,
  topic,
  key,
  data: z.object({ orderId, amountCents: cents, reason }),
});
