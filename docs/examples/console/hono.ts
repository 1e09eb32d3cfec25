import type { ConsoleHandler } from '@convergekit/console';
import { Hono } from 'hono';

export function app(operators: ConsoleHandler): Hono {
  const app = new Hono();
  app.all('/ops/console/*', (c) => operators(c.req.raw));
  return app;
}
