import { z } from 'zod';

/** The id of an order, the key of all topics of the shop. */
export const orderId = z.uuid();

export const orderLine = z.object({
  sku: z.string().regex(/^[a-z0-9-]{1,40}$/),
  quantity: z.int().min(1).max(1_000),
  unitCents: z.int().min(1).max(10_000_000),
});
export type OrderLine = z.infer<typeof orderLine>;

/** A reserved line of an order, without prices. */
export const stockLine = orderLine.pick({ sku: true, quantity: true });
export type StockLine = z.infer<typeof stockLine>;

/** The destination country of the parcel: ISO 3166-1 alpha-2. */
export const country = z.string().regex(/^[A-Z]{2}$/);

export const cents = z.int().positive();

/** The reason of a refusal or compensation, in words for the customer. */
export const reason = z.string().min(1).max(500);

/** The id of a bank account. */
export const accountId = z.string().regex(/^[a-z0-9-]{1,40}$/);
