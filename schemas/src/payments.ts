import { defineEvent } from '@convergekit/contracts';
import { z } from 'zod';
import { cents, country, orderId, reason, stockLine } from './parts.ts';

const topic = 'shop.payments';
const key = (data: { orderId: string }): string => data.orderId;

/** The provider took the money. Contains the data for the next step. */
export const paymentTaken = defineEvent('shop.payment.taken', {
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

/** The provider declined the charge: no money moved. */
export const paymentDeclined = defineEvent('shop.payment.declined', {
  version: 1,
  topic,
  key,
  data: z.object({ orderId, reason }),
});

/** The provider holds none of the customer's money: the refunded amount, 0 if nothing was taken. */
export const paymentRefunded = defineEvent('shop.payment.refunded', {
  version: 2,
  topic,
  key,
  data: z.object({ orderId, amountCents: z.int().min(0), reason }),
  // Version 1 was not emitted if there was nothing to refund.
  upcast: { 1: (data) => data },
});
