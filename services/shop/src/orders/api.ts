import type { Outbox } from '@converge/outbox';
import type { NewId } from '@converge/runtime';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { orderRequest, placeOrder } from './placement.ts';
import type { OrdersDb } from './tables.ts';
import { findOrder } from './view.ts';

interface Options {
  readonly db: Kysely<OrdersDb>;
  readonly outbox: Outbox;
  readonly newId: NewId;
  /** Told what a customer is only told as "internal error". */
  readonly onError: (error: unknown) => void;
}

// Visible ASCII, as in draft-ietf-httpapi-idempotency-key-header; with or without the quotes that it asks for.
const requestKey = /^[\x21-\x7e]{1,200}$/;

/** POST /orders with `Idempotency-Key`, GET /orders/:id. */
export function ordersApi(options: Options): Hono {
  const app = new Hono();
  app.onError((error, context) => {
    if (isReused(error))
      return refuse(
        context,
        422,
        'REQUEST_KEY_REUSED',
        'this Idempotency-Key was used for another request: use a new key',
      );
    options.onError(error);
    return refuse(
      context,
      500,
      'INTERNAL',
      'internal error: repeat the request with the same Idempotency-Key',
    );
  });
  app.notFound((context) => refuse(context, 404, 'NOT_FOUND', 'there are POST /orders and GET /orders/:id'));

  app.post('/orders', bodyLimit({ maxSize: 256 * 1024, onError: tooLarge }), async (context) => {
    const key = context.req.header('idempotency-key');
    if (key === undefined)
      return refuse(
        context,
        400,
        'KEY_MISSING',
        'the header Idempotency-Key is missing: send one new value for each order',
      );
    if (!requestKey.test(key))
      return refuse(context, 400, 'KEY_INVALID', 'Idempotency-Key must be 1 to 200 visible ASCII characters');
    const body: unknown = await context.req.json().catch(() => undefined);
    if (body === undefined) return refuse(context, 400, 'BODY_INVALID', 'the body is not JSON');
    const request = orderRequest.safeParse(body);
    if (!request.success) return refuse(context, 400, 'BODY_INVALID', z.prettifyError(request.error));
    return context.json(await placeOrder(options, key, request.data), 201);
  });

  app.get('/orders/:id', async (context) => {
    const id = z.uuid().safeParse(context.req.param('id'));
    if (!id.success) return refuse(context, 400, 'ID_INVALID', 'an order’s id is a UUID');
    const order = await findOrder(options.db, id.data);
    return order
      ? context.json(order)
      : refuse(context, 404, 'ORDER_UNKNOWN', `there is no order ${id.data}`);
  });
  return app;
}

function tooLarge(context: Context): Response {
  return refuse(context, 413, 'BODY_TOO_LARGE', 'an order takes up to 256 KB');
}

function refuse(
  context: Context,
  status: 400 | 404 | 413 | 422 | 500,
  code: string,
  message: string,
): Response {
  return context.json({ error: { code, message } }, status);
}

function isReused(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'REQUEST_KEY_REUSED';
}
