import { clientSignal, requestSpan } from 'convergekit/http';
import express, { type RequestHandler } from 'express';
import type { Kysely } from 'kysely';
import { order } from '../order-placed.ts';
import { placeOrder, type ShopDb } from './orders.ts';

/** Continues the trace of a request. */
export const traced: RequestHandler = (request, response, next) => {
  const { path: route } = request.route as { readonly path: string };
  const span = requestSpan({ method: request.method, headers: request.headers, route });
  response.on('close', () => span.end(response.statusCode));
  span.run(next);
};

export const expressApp = (db: Kysely<ShopDb>) =>
  express().post('/orders', express.json(), traced, async (request, response) => {
    const key = request.get('idempotency-key');
    const placed = await placeOrder(db, key, order.parse(request.body), clientSignal(response));
    response.status(201).json(placed);
  });
