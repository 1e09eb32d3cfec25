import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { healthReport, type Checks, type HealthReport } from './health.ts';
import type { Service } from '@convergekit/core';

export interface HealthOptions {
  /** TCP port; 0 takes any free one, to be read from `port` after `start`. */
  readonly port: number;
  /** Address to listen on. @default '127.0.0.1' */
  readonly host?: string;
  /** Readiness of the process. Called at each request: it must report known state and do no I/O. */
  readonly checks: () => Checks;
  /** Liveness of the process: the orchestrator restarts it when a check fails. @default always */
  readonly live?: () => Checks;
  /** Returns the body of `/metrics`. @default 404: this process has no metrics */
  readonly metrics?: () => Promise<Page>;
}

/** Time limits for an HTTP client to send its headers and its whole request, for every server of the kit. */
export const httpTimeouts = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  connectionsCheckingInterval: 5_000,
} as const;

/** A response body and its content type. */
export interface Page {
  readonly contentType: string;
  readonly body: string;
}

export interface HealthServer extends Service {
  readonly port: number;
}

/** The health server cannot listen on its port. */
export class HealthError extends Error {
  readonly code: 'PORT_TAKEN' | 'PORT_REFUSED';
  readonly category = 'configuration';
  readonly certainty = 'not_applied';

  constructor(message: string, code: HealthError['code'], cause: unknown) {
    super(message, { cause });
    this.name = 'HealthError';
    this.code = code;
  }
}

/**
 * Creates the health server: `/livez`, `/readyz`, `/startupz` and `/metrics`.
 * The first three answer 200 or 503 with JSON: restart the process? send it work? was it ever ready? `/metrics` answers
 * in the format of the exporter. Start this service first and stop it last, so that a waiting or draining process
 * reports its state.
 */
export function healthServer(options: HealthOptions): HealthServer {
  const host = options.host ?? '127.0.0.1';
  const done = Promise.withResolvers<undefined>();
  done.promise.catch(() => undefined);
  const server = createServer(httpTimeouts, routes(options));
  let starting = Promise.resolve();
  let stopping: Promise<void> | undefined;
  return {
    name: 'health',
    get port() {
      return (server.address() as AddressInfo | null)?.port ?? options.port;
    },
    done: done.promise,
    start: () => {
      starting = listen(server, options.port, host).then(() => {
        server.on('error', (error) => done.reject(error));
      });
      return starting;
    },
    stop: () => {
      // A stop during the start waits for it: closing first would leave a listening server behind.
      stopping ??= starting
        .catch(() => undefined)
        .then(() => close(server))
        .then(() => done.resolve(undefined));
      return stopping;
    },
  };
}

function routes(options: HealthOptions): RequestListener {
  const live = options.live ?? (() => ({}));
  let wasReady = false;
  const ready = (): HealthReport => {
    const report = healthReport(options.checks);
    wasReady ||= report.body.ok;
    return report;
  };
  const startup = (): HealthReport => {
    const report = ready();
    return wasReady ? { status: 200, body: { ok: true, checks: report.body.checks } } : report;
  };
  const paths = new Map([
    ['/livez', () => healthReport(live)],
    ['/readyz', ready],
    ['/startupz', startup],
  ]);
  return (request, response) => {
    const asks = request.method === 'GET' || request.method === 'HEAD';
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (asks && path === '/metrics' && options.metrics !== undefined) {
      void servePage(options.metrics, response);
      return;
    }
    const known = asks ? paths.get(path)?.() : undefined;
    response.writeHead(known?.status ?? 404, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    const listed = [...paths.keys(), ...(options.metrics === undefined ? [] : ['/metrics'])];
    response.end(`${JSON.stringify(known?.body ?? { ok: false, paths: listed })}\n`);
  };
}

// A failed scrape is answered with 500: the process continues, and the next scrape may succeed.
async function servePage(metrics: () => Promise<Page>, response: ServerResponse): Promise<void> {
  try {
    const { contentType, body } = await metrics();
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
    response.end(body);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${error instanceof Error ? error.message : String(error)}\n`);
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(listenError(error, port, host));
    server.once('error', failed);
    server.listen(port, host, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

function listenError(error: NodeJS.ErrnoException, port: number, host: string): HealthError {
  const where = `port ${port} on ${host}`;
  if (error.code === 'EADDRINUSE') {
    const message = `the health ${where} is taken by another process: stop it, choose another port, or 0 for any free one`;
    return new HealthError(message, 'PORT_TAKEN', error);
  }
  const message = `the health ${where} cannot be used (${error.code ?? error.message}): choose another port or address`;
  return new HealthError(message, 'PORT_REFUSED', error);
}

// `close` alone would wait for a probe that never ends its request.
async function close(server: Server): Promise<void> {
  if (!server.listening) return;
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
