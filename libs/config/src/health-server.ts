import type { RequestListener, ServerResponse } from 'node:http';
import { messageOf } from '@convergekit/core/engine';
import { healthReport, type Checks, type HealthReport } from './health.ts';
import { httpServer, type HttpServer } from './http-server.ts';

export interface HealthOptions {
  /** TCP port; 0 takes any free one, to be read from `port` after `start`. */
  readonly port: number;
  /** Address to listen on. @default '127.0.0.1' */
  readonly host?: string;
  /** Readiness of the process. Called at each request: it must report known state and do no I/O. */
  readonly checks: () => Checks;
  /** The checks of liveness: the orchestrator restarts the process when one fails. @default always live */
  readonly live?: () => Checks;
  /** Returns the body of `/metrics`. @default 404: this process has no metrics */
  readonly metrics?: () => Promise<Page>;
  /** The most connections at a time. @default 1,000 */
  readonly maxConnections?: number;
}

const MAX_CONNECTIONS = 1_000;

/** A response body and its content type. */
export interface Page {
  readonly contentType: string;
  readonly body: string;
}

/**
 * Creates the health server: `/livez`, `/readyz`, `/startupz` and `/metrics`.
 * The first three answer 200 or 503 with JSON: restart the process? send it work? was it ever ready? `/metrics` answers
 * in the format of the exporter. Start this service first and stop it last, so that a waiting or draining process
 * reports its state.
 * @example
 * ```ts
 * import { healthServer, runServices } from 'convergekit/process';
 * import { connect } from 'convergekit/postgres';
 *
 * const database = connect({ url: process.env['DATABASE_URL'] });
 * let isUp = false;
 * await database.ping().then(() => (isUp = true));
 * await runServices([healthServer({ port: 9090, checks: () => ({ postgres: { ok: isUp } }) })]);
 * ```
 */
export function healthServer(options: HealthOptions): HttpServer {
  const { port, host, maxConnections = MAX_CONNECTIONS } = options;
  return httpServer({ name: 'health', port, host, maxConnections, listener: routes(options) });
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
  const metrics = options.metrics === undefined ? undefined : shared(options.metrics);
  return (request, response) => {
    const asks = request.method === 'GET' || request.method === 'HEAD';
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (asks && path === '/metrics' && metrics !== undefined) {
      void servePage(metrics, response);
      return;
    }
    const known = asks ? paths.get(path)?.() : undefined;
    response.writeHead(known?.status ?? 404, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
    });
    const listed = [...paths.keys(), ...(metrics === undefined ? [] : ['/metrics'])];
    response.end(`${JSON.stringify(known?.body ?? { ok: false, paths: listed })}\n`);
  };
}

/** Requests that come while a page is made get that page: many clients cost no more than one. */
function shared(make: () => Promise<Page>): () => Promise<Page> {
  let inWork: Promise<Page> | undefined;
  return () => (inWork ??= make().finally(() => (inWork = undefined)));
}

// A failed scrape is answered with 500; the process continues, and the next scrape may succeed.
async function servePage(metrics: () => Promise<Page>, response: ServerResponse): Promise<void> {
  try {
    const { contentType, body } = await metrics();
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-store' });
    response.end(body);
  } catch (error) {
    response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`${messageOf(error)}\n`);
  }
}
