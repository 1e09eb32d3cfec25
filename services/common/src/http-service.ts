import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { type Clock, ConvergeError, type Service, systemClock } from '@convergekit/core';
import { httpTimeouts } from '@convergekit/config';
import type { Hono } from 'hono';

export interface HttpService extends Service {
  /** The listening port, once started. */
  readonly port: number;
}

/** How long a stop lets requests in flight finish, milliseconds. */
const GRACE_MS = 4_000;

/**
 * Runs an HTTP server as a service; port 0 takes any free one.
 * A stop closes idle connections at once and lets requests in flight finish for 4 s. Then it cuts off the rest.
 */
export function httpService(
  app: Hono,
  port: number,
  host = '127.0.0.1',
  clock: Clock = systemClock,
): HttpService {
  const done = Promise.withResolvers<undefined>();
  done.promise.catch(() => undefined);
  const answer = getRequestListener(app.fetch, { hostname: host });
  const server = createServer(httpTimeouts, (request, response) => void answer(request, response));
  let starting = Promise.resolve();
  let stopping: Promise<void> | undefined;
  return {
    name: 'http',
    get port() {
      const address = server.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    done: done.promise,
    start: () => {
      starting = new Promise((resolve, reject) => {
        server.once('error', (error: NodeJS.ErrnoException) => {
          reject(error.code === 'EADDRINUSE' ? portTaken(port, error) : error);
          done.reject(error);
        });
        server.listen(port, host, () => resolve());
      });
      return starting;
    },
    stop: () => {
      // A stop during the start waits for it: closing first would leave a listening server behind.
      stopping ??= starting
        .catch(() => undefined)
        .then(() => close(server, clock))
        .then(() => done.resolve(undefined));
      return stopping;
    },
  };
}

async function close(server: Server, clock: Clock): Promise<void> {
  if (!server.listening) return;
  const closed = new AbortController();
  // `close` also ends idle connections.
  server.close(() => closed.abort());
  await clock.sleep(GRACE_MS, closed.signal);
  if (closed.signal.aborted) return;
  server.closeAllConnections();
  await once(closed.signal, 'abort');
}

function portTaken(port: number, cause: unknown): ConvergeError {
  return new ConvergeError(
    `the HTTP port ${port} is taken by another process: stop it or choose another CONVERGE__HTTP__PORT`,
    {
      code: 'PORT_TAKEN',
      category: 'configuration',
      certainty: 'not_applied',
      cause,
    },
  );
}
