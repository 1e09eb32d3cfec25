import type { RequestListener, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
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
  const { port, host = '127.0.0.1', maxConnections = MAX_CONNECTIONS } = options;
  const answer = routes(options);
  const listener = isThisMachine(host) ? refusingForeignHosts(answer) : answer;
  return httpServer({ name: 'health', port, host, maxConnections, listener });
}

/**
 * Answers 421 to a page of another site that a browser of this machine shows, whose name was made to resolve to this machine. Such a
 * request names that site as its host; an address cannot be made to resolve.
 */
function refusingForeignHosts(answer: RequestListener): RequestListener {
  return (request, response) => {
    const name = (request.headers.host ?? '').replace(/:\d+$/, '');
    if (name === '' || isThisMachine(name) || isIP(name.replace(/^\[|\]$/g, '')) !== 0)
      return answer(request, response);
    request.resume();
    response.writeHead(421, { 'content-type': 'application/json', 'cache-control': 'no-store' });
    const error = `the health port answers on this machine alone, not under the host ${name}: ask localhost`;
    response.end(`${JSON.stringify({ ok: false, error })}\n`);
  };
}

/** True for a loopback address and for the names that every system resolves to one (pure). */
const isThisMachine = (host: string): boolean => /^((.+\.)?localhost|127\.[\d.]+|::1)$/i.test(host);

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
