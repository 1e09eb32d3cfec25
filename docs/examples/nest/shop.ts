import { createOutbox } from 'convergekit/postgres';
import { defineConsumer, defineEvent } from 'convergekit';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { z } from 'zod';

const order = z.object({ id: z.string(), cents: z.int().positive() });
export type Order = z.infer<typeof order>;
export type Db = NodePgDatabase;

export const orders = pgTable('orders', { id: text().primaryKey(), cents: integer().notNull() });
export const bills = pgTable('bills', { id: text().primaryKey(), cents: integer().notNull() });

export const orderPlaced = defineEvent('order.placed', {
  version: 1,
  topic: 'orders',
  key: ({ id }) => id,
  data: order,
});
export const outbox = createOutbox([orderPlaced]);

/** A provider that writes bills. The consumer below uses it in its handler, with the client of the slice. */
export class Billing {
  async bill(db: Db, { id, cents }: Order): Promise<void> {
    await db.insert(bills).values({ id, cents });
  }
}

/** The consumer, bound to the provider that it uses. */
export const billingConsumer = (billing: Billing) =>
  defineConsumer('billing', { from: 'first' }).on(orderPlaced, async ({ data }, { pgClient }) => {
    await billing.bill(drizzle(await pgClient()), data);
  });
