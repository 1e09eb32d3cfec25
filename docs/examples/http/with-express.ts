import { clientSignal, requestSpan } from 'convergekit/http';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { Kysely } from 'kysely';
import { answerOf, isLate, isRequestKey } from './key.ts';
import { order } from '../order-placed.ts';
import { placeOrder, type ShopDb } from './orders.ts';

/** Takes the key of a request, refuses one that is late, and continues its trace. */
export const requestContext: RequestHandler<object, unknown, unknown, unknown, { requestKey: string }> = (
  request,
  response,
  next,
) => {
  if (isLate(request.get('ce_deadline'))) return void response.status(504).json({ error: 'too late' });
  const key = request.headers['idempotency-key'];
  if (!isRequestKey(key)) return void response.status(400).json({ error: 'Idempotency-Key is missing' });
  response.locals.requestKey = key;
  const { path: route } = request.route as { readonly path: string };
  const span = requestSpan({ method: request.method, headers: request.headers, route });
  response.on('close', () => span.end(response.statusCode));
  span.run(next);
};

const answerError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error);
  const { status, headers } = answerOf(error);
  response.status(status).set(headers).json({ error: 'the order was not placed' });
};

export const expressApp = (db: Kysely<ShopDb>) =>
  express()
    .post('/orders', express.json(), requestContext, async (request, response) => {
      const { requestKey } = response.locals;
      const placed = await placeOrder(db, requestKey, order.parse(request.body), clientSignal(response));
      response.status(201).json(placed);
    })
    .use(answerError);
