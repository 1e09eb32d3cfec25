import { getRequestListener } from '@hono/node-server';
import type { Clock } from '@convergekit/core';
import { httpServer, type HttpServer } from '@convergekit/config';
import type { Hono } from 'hono';

/** Runs a Hono application as a service; a stop lets open requests finish for 4 s. */
export function httpService(app: Hono, port: number, host = '127.0.0.1', clock?: Clock): HttpServer {
  const answer = getRequestListener(app.fetch, { hostname: host });
  const listener = (request: Parameters<typeof answer>[0], response: Parameters<typeof answer>[1]): void =>
    void answer(request, response);
  return httpServer({ name: 'http', port, host, listener, graceMs: 4_000, ...(clock && { clock }) });
}
