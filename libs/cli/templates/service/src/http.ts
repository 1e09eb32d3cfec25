import { classify, type TransactionFunction } from 'convergekit';
import { httpAnswer } from 'convergekit/http';
import { Hono } from 'hono';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { placeOrder } from './orders.ts';
import type { Tables } from './tables.ts';

const orderRequest = z.object({
  sku: z.string().min(1),
  pieces: z.int().positive(),
  cents: z.int().positive(),
});

export interface ApiOptions {
  readonly db: Kysely<Tables>;
  readonly transaction: TransactionFunction<Tables>;
  /** Called with every error whose details the client does not get. */
  readonly onError: (error: unknown) => void;
}

/** Creates the API: POST /orders with `Idempotency-Key`, and GET /orders/:id. */
export function api({ db, transaction, onError }: ApiOptions): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    if ('code' in error && error.code === 'REQUEST_KEY_REUSED')
      return context.json({ error: 'this Idempotency-Key was used for another request: use a new one' }, 422);
    onError(error);
    // 503 with Retry-After where nothing was done and a later attempt may work.
    const { status, headers } = httpAnswer(classify(error));
    return context.json(
      { error: 'the request failed: repeat it with the same Idempotency-Key' },
      { status, headers },
    );
  });
  app.post('/orders', async (context) => {
    const key = context.req.header('idempotency-key');
    if (key === undefined)
      return context.json({ error: 'send the header Idempotency-Key, one new value for each order' }, 400);
    const request = orderRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!request.success) return context.json({ error: z.prettifyError(request.error) }, 400);
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
