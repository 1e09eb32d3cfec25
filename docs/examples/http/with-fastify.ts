import { clientSignal, requestSpan } from 'convergekit/http';
import fastify, { type preHandlerHookHandler } from 'fastify';
import type { Kysely } from 'kysely';
import { answerOf, isLate, isRequestKey } from './key.ts';
import { order } from '../order-placed.ts';
import { placeOrder, type ShopDb } from './orders.ts';

declare module 'fastify' {
  interface FastifyRequest {
    requestKey: string;
  }
}

/**
 * Takes the key of a request, refuses one that is late, and continues its trace. After the body was read, whose events
 * have no context.
 */
export const requestContext: preHandlerHookHandler = (request, reply, done) => {
  if (isLate(request.headers['ce_deadline']?.toString()))
    return void reply.code(504).send({ error: 'too late' });
  const key = request.headers['idempotency-key'];
  if (!isRequestKey(key)) return void reply.code(400).send({ error: 'Idempotency-Key is missing' });
  request.requestKey = key;
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
    .decorateRequest('requestKey', '')
    .setErrorHandler((error, _request, reply) => {
      const { status, headers } = answerOf(error);
      return reply.code(status).headers(headers).send({ error: 'the order was not placed' });
    })
    .post('/orders', { preHandler: requestContext }, async (request, reply) => {
      reply.code(201);
      return placeOrder(db, request.requestKey, order.parse(request.body), clientSignal(reply.raw));
    });
