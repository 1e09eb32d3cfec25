import { classify } from 'convergekit';
import { clientSignal, httpAnswer, requestSpan } from 'convergekit/http';
import fastify, { type preHandlerHookHandler } from 'fastify';
import type { Kysely } from 'kysely';
import { order } from '../order-placed.ts';
import { placeOrder, type ShopDb } from './orders.ts';

/** Continues the trace of a request. After the body was read, whose events have no context. */
export const traced: preHandlerHookHandler = (request, reply, done) => {
  const span = requestSpan({
    method: request.method,
    headers: request.headers,
    route: request.routeOptions.url ?? '',
  });
  reply.raw.on('close', () => span.end(reply.statusCode));
  span.run(done);
};

export const fastifyApp = (db: Kysely<ShopDb>) =>
  fastify()
    .setErrorHandler((error, _request, reply) => {
      const { status, headers } = httpAnswer(classify(error));
      return reply.code(status).headers(headers).send({ error: 'the order was not placed' });
    })
    .post('/orders', { preHandler: traced }, async (request, reply) => {
      const key = request.headers['idempotency-key']?.toString();
      reply.code(201);
      return placeOrder(db, key, order.parse(request.body), clientSignal(reply.raw));
    });
