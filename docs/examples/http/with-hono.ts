import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { Kysely } from 'kysely';
import { isRequestKey, statusOf } from './key.ts';
import { order, placeOrder, type ShopDb } from './orders.ts';

/** Takes the key of a request, and continues its trace. */
export const requestContext = createMiddleware<{ Variables: { requestKey: string } }>((c, next) => {
  const key = c.req.header('idempotency-key');
  if (!isRequestKey(key)) return Promise.resolve(c.json({ error: 'Idempotency-Key is missing' }, 400));
  c.set('requestKey', key);
  return context.with(propagation.extract(ROOT_CONTEXT, c.req.header()), next);
});

export const honoApp = (db: Kysely<ShopDb>) =>
  new Hono()
    .onError((error, c) => c.json({ error: 'the order was not placed' }, statusOf(error)))
    .post('/orders', requestContext, async (c) =>
      c.json(await placeOrder(db, c.get('requestKey'), order.parse(await c.req.json())), 201),
    );
