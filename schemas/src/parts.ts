import { z } from 'zod';

/** Every event of the shop is about one order: its id is the key of all topics. */
export const orderId = z.uuid();

export const orderLine = z.object({
  sku: z.string().regex(/^[a-z0-9-]{1,40}$/),
  quantity: z.int().min(1).max(1_000),
  unitCents: z.int().min(1).max(10_000_000),
});
export type OrderLine = z.infer<typeof orderLine>;

/** What is set aside for an order, without prices. */
export const stockLine = orderLine.pick({ sku: true, quantity: true });
export type StockLine = z.infer<typeof stockLine>;

/** Where the parcel goes: ISO 3166-1 alpha-2. */
export const country = z.string().regex(/^[A-Z]{2}$/);

export const cents = z.int().positive();

/** Why something was undone, in words for the customer. */
export const reason = z.string().min(1).max(500);

/** An account of a bank. */
export const accountId = z.string().regex(/^[a-z0-9-]{1,40}$/);
