import type { ServiceParts } from 'convergekit';
import { Hono } from 'hono';
import { z } from 'zod';
import { placeOrder } from './orders.ts';
import type { Tables } from './tables.ts';

const orderRequest = z.object({
  sku: z.string().min(1),
  pieces: z.int().positive(),
  cents: z.int().positive(),
});

/**
 * Creates the API: POST /orders with `Idempotency-Key`, and GET /orders/:id. What it throws is answered by the service: 400 to
 * a request without a key, 503 while the database takes no more, and so on. The log has the reason.
 */
export function api({ db, transaction }: Pick<ServiceParts<Tables>, 'db' | 'transaction'>): Hono {
  const app = new Hono();
  app.onError((error) => {
    throw error;
  });
  app.post('/orders', async (context) => {
    const request = orderRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!request.success) return context.json({ error: z.prettifyError(request.error) }, 400);
    const key = context.req.header('idempotency-key');
    return context.json(await placeOrder(transaction, key, request.data, context.req.raw.signal), 201);
  });
  app.get('/orders/:id', async (context) => {
    const orderId = context.req.param('id');
    const order = await db.selectFrom('orders').selectAll().where('orderId', '=', orderId).executeTakeFirst();
    return order === undefined
      ? context.json({ error: `there is no order ${orderId}` }, 404)
      : context.json(order);
  });
  return app;
}
