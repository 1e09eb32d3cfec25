import { defineEvent } from 'convergekit';
import { createOutbox, executorFrom } from 'convergekit/postgres';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import express from 'express';
import { z } from 'zod';

const data = z.object({ id: z.string(), cents: z.int().positive() });
const placed = defineEvent('order.placed', { topic: 'orders', key: ({ id }) => id, data });
const outbox = createOutbox([placed]);

const orders = pgTable('orders', { id: text().primaryKey(), cents: integer().notNull() });
const db = drizzle(process.env['DATABASE_URL'] ?? '');

// The order and its event are one transaction of Drizzle.
const app = express().post('/orders', express.json(), async (request, response) => {
  const order = data.parse(request.body);
  await db.transaction(async (tx) => {
    await tx.insert(orders).values(order);
    await outbox.append(executorFrom.drizzle(tx, sql), [placed(order)]);
  });
  response.status(201).json(order);
});
app.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1');
