import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import type { Kysely } from 'kysely';
import { isRequestKey, statusOf } from './key.ts';
import { order, placeOrder, type ShopDb } from './orders.ts';

/** Takes the key of a request, and continues its trace. */
export const requestContext: RequestHandler<object, unknown, unknown, unknown, { requestKey: string }> = (
  request,
  response,
  next,
) => {
  const key = request.headers['idempotency-key'];
  if (!isRequestKey(key)) return void response.status(400).json({ error: 'Idempotency-Key is missing' });
  response.locals.requestKey = key;
  context.with(propagation.extract(ROOT_CONTEXT, request.headers), next);
};

const answerError: ErrorRequestHandler = (error, _request, response, next) => {
  if (response.headersSent) return next(error);
  response.status(statusOf(error)).json({ error: 'the order was not placed' });
};

export const expressApp = (db: Kysely<ShopDb>) =>
  express()
    .post('/orders', express.json(), requestContext, async (request, response) => {
      const { requestKey } = response.locals;
      response.status(201).json(await placeOrder(db, requestKey, order.parse(request.body)));
    })
    .use(answerError);
