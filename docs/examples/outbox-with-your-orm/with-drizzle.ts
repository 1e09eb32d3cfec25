import { executorFrom } from 'convergekit/postgres';
import { sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';

export const orders = pgTable('orders', { id: text().primaryKey(), cents: integer().notNull() });

export const place = (db: NodePgDatabase, order: Order) =>
  db.transaction(async (tx) => {
    await tx.insert(orders).values(order);
    await outbox.append(executorFrom.drizzle(tx, sql), [orderPlaced(order)]);
  });
