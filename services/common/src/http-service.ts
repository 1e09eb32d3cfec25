import { serve, type ServerType } from '@hono/node-server';
import { ConvergeError } from '@converge/resilience';
import type { Service } from '@converge/runtime';
import type { Hono } from 'hono';

export interface HttpService extends Service {
  /** The port that it listens on, once it has started. */
  readonly port: number;
}

/** An HTTP server as a service; port 0 takes any free one. A stop lets requests in flight finish. */
export function httpService(app: Hono, port: number, host = '127.0.0.1'): HttpService {
  const done = Promise.withResolvers<undefined>();
  done.promise.catch(() => undefined);
  let server: ServerType | undefined;
  return {
    name: 'http',
    get port() {
      const address = server?.address();
      return typeof address === 'object' && address !== null ? address.port : port;
    },
    done: done.promise,
    start: () =>
      new Promise((resolve, reject) => {
        server = serve({ fetch: app.fetch, port, hostname: host }, () => resolve());
        server.once('error', (error: NodeJS.ErrnoException) => {
          reject(error.code === 'EADDRINUSE' ? portTaken(port, error) : error);
          done.reject(error);
        });
      }),
    stop: async () => {
      await new Promise<void>((resolve) => {
        if (server === undefined || !server.listening) return resolve();
        server.close(() => resolve());
        if ('closeIdleConnections' in server) server.closeIdleConnections();
      });
      done.resolve(undefined);
    },
  };
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
