import { classify } from 'convergekit';
import { httpAnswer, requestSpan } from 'convergekit/http';
import { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { Kysely } from 'kysely';
import { order } from '../order-placed.ts';
import { placeOrder, type ShopDb } from './orders.ts';

/** Continues the trace of a request. The service answers what it throws. */
export const traced = createMiddleware(async (c, next) => {
  const span = requestSpan({ method: c.req.method, headers: c.req.header(), route: routePath(c, -1) });
  try {
    await span.run(next);
    span.end(c.res.status);
  } catch (error) {
    span.end(httpAnswer(classify(error)).status);
    throw error;
  }
});

export const honoApp = (db: Kysely<ShopDb>) =>
  new Hono()
    .onError((error) => {
      throw error;
    })
    .post('/orders', traced, async (c) => {
      const request = order.parse(await c.req.json());
      return c.json(await placeOrder(db, c.req.header('idempotency-key'), request, c.req.raw.signal), 201);
    });
