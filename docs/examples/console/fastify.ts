import type { ConsoleHandler } from '@convergekit/console';
import fastify, { type FastifyInstance } from 'fastify';

export function app(operators: ConsoleHandler): FastifyInstance {
  const app = fastify();
  app.addHook('onRequest', (request, reply, next) => {
    if (!`${request.url}/`.startsWith('/ops/console/')) return next();
    reply.hijack();
    operators.listener(request.raw, reply.raw);
  });
  return app;
}
