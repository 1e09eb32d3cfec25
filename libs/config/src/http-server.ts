import type { RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, ConvergeError, type Service, systemClock } from '@convergekit/core';

export interface HttpServerOptions {
  /** The name of the service, also in error messages. */
  readonly name: string;
  /** TCP port; 0 takes any free one, to be read from `port` after `start`. */
  readonly port: number;
  /** Address to listen on. @default '127.0.0.1' */
  readonly host?: string | undefined;
  /** Answers each request: the listener of Express or of `node:http`. */
  readonly listener: RequestListener;
  /** The time a stop gives open requests before it cuts connections, in milliseconds. @default 0 */
  readonly graceMs?: number;
  /** The time limits for a client to send a request. @default 10 s for the headers, 30 s for the whole request */
  readonly timeouts?: typeof TIMEOUTS;
  /** The most connections at a time; further ones are closed at once. @default 10,000 */
  readonly maxConnections?: number;
  /** The time after which a client is cut off that does not read its answer, in milliseconds. @default 30 s */
  readonly idleMs?: number;
  /** The clock of a stop's time limit; a test gives a manual one. @default the system's */
  readonly clock?: Clock;
}

export interface HttpServer extends Service {
  /** The listening port, once started. */
  readonly port: number;
}

// Milliseconds; Node's own limits are 60 s and 300 s. A client beyond them is answered with 408 and cut off.
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 30_000, connectionsCheckingInterval: 5_000 };
const IDLE_MS = 30_000;
/** A bound for the memory and the file descriptors that clients can take from the database and the broker. */
const MAX_CONNECTIONS = 10_000;

/**
 * Runs an HTTP server as a service.
 * A stop closes idle connections at once and lets requests in flight finish for `graceMs`, each as the last of its
 * connection. Then it cuts off the rest.
 */
export function httpServer(options: HttpServerOptions): HttpServer {
  const { name, port, host = '127.0.0.1', graceMs = 0, clock = systemClock } = options;
  const done = Promise.withResolvers<undefined>();
  done.promise.catch(() => undefined);
  // Loaded with the first server: an import of it would load Node's client of HTTP and its WebSocket, too.
  const { createServer } = process.getBuiltinModule('node:http');
  const server = createServer(options.timeouts ?? TIMEOUTS, options.listener);
  server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
  // A client that asks and does not read: its answer would stay in memory. A handler may take its time.
  server.setTimeout(options.idleMs ?? IDLE_MS, (socket) => {
    if (socket.writableLength > 0) socket.destroy();
  });
  const drain = drainOf(server);
  let starting = Promise.resolve();
  let stopping: Promise<void> | undefined;
  return {
    name,
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? port;
    },
    done: done.promise,
    start: () => {
      starting = new Promise<void>((resolve, reject) => {
        server.once('error', (error) => reject(listenError(error, { name, port, host })));
        server.listen(port, host, resolve);
      }).then(() => void server.on('error', done.reject));
      return starting;
    },
    stop: () => {
      // A stop during the start waits for the start: closing first would leave a listening server behind.
      stopping ??= starting
        .catch(() => undefined)
        .then(() => close(server, drain, { graceMs, clock }))
        .then(() => done.resolve(undefined));
      return stopping;
    },
  };
}

/**
 * Returns a function that makes each request in flight, and any that still comes, the last one of its connection. A client
 * that keeps its connection would send further ones until the cut, which loses the one that it meets.
 */
function drainOf(server: Server): () => void {
  const open = new Set<ServerResponse>();
  let draining = false;
  const last = (response: ServerResponse): void => {
    if (!response.headersSent) response.setHeader('connection', 'close');
  };
  server.prependListener('request', (_request, response) => {
    open.add(response);
    if (draining) last(response);
    response.once('close', () => {
      open.delete(response);
      // One whose header had been sent before keeps its connection.
      if (draining) server.closeIdleConnections();
    });
  });
  return () => {
    draining = true;
    for (const response of open) last(response);
  };
}

async function close(
  server: Server,
  drain: () => void,
  { graceMs, clock }: { readonly graceMs: number; readonly clock: Clock },
): Promise<void> {
  if (!server.listening) return;
  const drained = new AbortController();
  drain();
  const closed = new Promise<void>((resolve) => {
    // `close` also ends idle connections, but waits for a client that never ends its request.
    server.close(() => resolve());
  }).then(() => drained.abort());
  if (graceMs > 0) await clock.sleep(graceMs, drained.signal);
  server.closeAllConnections();
  await closed;
}

function listenError(
  error: NodeJS.ErrnoException,
  { name, port, host }: { readonly name: string; readonly port: number; readonly host: string },
): ConvergeError {
  const taken = error.code === 'EADDRINUSE';
  const where = `the ${name} port ${port} on ${host}`;
  const reason = error.code === 'EACCES' ? 'its number needs rights of the system' : error.code;
  const message = taken
    ? `${where} is taken by another process: stop it, choose another port (${name}.port), or 0 for any free one`
    : `${where} cannot be used (${reason ?? error.message}): choose another port (${name}.port) or address (${name}.host)`;
  return new ConvergeError(message, {
    code: taken ? 'PORT_TAKEN' : 'PORT_REFUSED',
    category: 'configuration',
    certainty: 'not_applied',
    cause: error,
  });
}
