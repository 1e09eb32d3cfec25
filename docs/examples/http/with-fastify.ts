import { context, propagation, ROOT_CONTEXT } from '@opentelemetry/api';
import fastify, { type preHandlerHookHandler } from 'fastify';
import type { Kysely } from 'kysely';
import { isRequestKey, statusOf } from './key.ts';
import { order, placeOrder, type ShopDb } from './orders.ts';

declare module 'fastify' {
  interface FastifyRequest {
    requestKey: string;
  }
}

/** Takes the key of a request, and continues its trace. After the body was read, whose events have no context. */
export const requestContext: preHandlerHookHandler = (request, reply, done) => {
  const key = request.headers['idempotency-key'];
  if (!isRequestKey(key)) return void reply.code(400).send({ error: 'Idempotency-Key is missing' });
  request.requestKey = key;
  context.with(propagation.extract(ROOT_CONTEXT, request.headers), done);
};

export const fastifyApp = (db: Kysely<ShopDb>) =>
  fastify()
    .decorateRequest('requestKey', '')
    .setErrorHandler((error, _request, reply) =>
      reply.code(statusOf(error)).send({ error: 'the order was not placed' }),
    )
    .post('/orders', { preHandler: requestContext }, async (request, reply) => {
      reply.code(201);
      return placeOrder(db, request.requestKey, order.parse(request.body));
    });
