import { requestSpan } from 'convergekit/http';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { Kysely } from 'kysely';
import { answerOf, isLate, isRequestKey } from './key.ts';
import { order } from '../order-placed.ts';
import { placeOrder, type ShopDb } from './orders.ts';

/** Takes the key of a request, refuses one that is late, and continues its trace. */
export const requestContext = createMiddleware<{ Variables: { requestKey: string } }>(async (c, next) => {
  if (isLate(c.req.header('ce_deadline'))) return c.json({ error: 'too late' }, 504);
  const key = c.req.header('idempotency-key');
  if (!isRequestKey(key)) return c.json({ error: 'Idempotency-Key is missing' }, 400);
  c.set('requestKey', key);
  const span = requestSpan({ method: c.req.method, headers: c.req.header(), route: routePath(c, -1) });
  await span.run(next);
  span.end(c.res.status);
});

export const honoApp = (db: Kysely<ShopDb>) =>
  new Hono()
    .onError((error, c) => {
      const { status, headers } = answerOf(error);
      return c.json({ error: 'the order was not placed' }, status, headers);
    })
    .post('/orders', requestContext, async (c) => {
      const request = order.parse(await c.req.json());
      return c.json(await placeOrder(db, c.get('requestKey'), request, c.req.raw.signal), 201);
    });
