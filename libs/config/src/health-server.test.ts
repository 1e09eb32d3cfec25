import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { waitUntil } from '@convergekit/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { healthServer, type HealthOptions } from './health-server.ts';
import type { HttpServer } from './http-server.ts';

const running: HttpServer[] = [];

async function started(options: Partial<HealthOptions> = {}): Promise<HttpServer> {
  const server = healthServer({ port: 0, checks: () => ({}), ...options });
  running.push(server);
  await server.start();
  return server;
}

async function get(server: HttpServer, path: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, body: await response.json() };
}

async function statusUnder(server: HttpServer, host: string): Promise<number | undefined> {
  const sent = request({ port: server.port, path: '/readyz', headers: { host } }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

describe('the health server', () => {
  it('/readyz names the failing check and its reason', async () => {
    const server = await started({
      checks: () => ({ database: { ok: true }, broker: { ok: false, detail: 'no answer since 12:03' } }),
    });
    expect(await get(server, '/readyz')).toEqual({
      status: 503,
      body: {
        ok: false,
        checks: { database: { ok: true }, broker: { ok: false, detail: 'no answer since 12:03' } },
      },
    });
  });

  it('/startupz stays 200 once the process was ready, even when readiness is lost', async () => {
    let ok = false;
    const server = await started({ checks: () => ({ database: { ok } }) });
    expect((await get(server, '/startupz')).status).toBe(503);
    ok = true;
    expect((await get(server, '/startupz')).status).toBe(200);
    ok = false;
    expect((await get(server, '/readyz')).status).toBe(503);
    expect((await get(server, '/startupz')).status).toBe(200);
  });

  it('/livez is 200 while the process is not ready, and 503 when progress has stopped', async () => {
    let progress = true;
    const server = await started({
      checks: () => ({ draining: { ok: false } }),
      live: () => ({ progress: { ok: progress } }),
    });
    expect((await get(server, '/livez')).status).toBe(200);
    progress = false;
    expect((await get(server, '/livez')).status).toBe(503);
  });

  it('a check that throws counts as failed', async () => {
    const server = await started({
      checks: () => {
        throw new Error('no pool');
      },
    });
    expect(await get(server, '/readyz')).toMatchObject({
      status: 503,
      body: { checks: { checks: { detail: 'no pool' } } },
    });
  });

  it('/metrics serves the page in its own format, and the server continues after a failed page', async () => {
    let broken = false;
    const server = await started({
      metrics: () =>
        broken
          ? Promise.reject(new Error('no reader'))
          : Promise.resolve({ contentType: 'text/plain; version=0.0.4', body: 'up 1\n' }),
    });
    const page = await fetch(`http://127.0.0.1:${server.port}/metrics`);
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      200,
      'text/plain; version=0.0.4',
      'up 1\n',
    ]);
    broken = true;
    const failed = await fetch(`http://127.0.0.1:${server.port}/metrics`);
    expect([failed.status, await failed.text()]).toEqual([500, 'no reader\n']);
    expect((await get(server, '/livez')).status).toBe(200);
    expect((await get(server, '/nowhere')).body).toEqual({
      ok: false,
      paths: ['/livez', '/readyz', '/startupz', '/metrics'],
    });
  });

  it('requests for /metrics at the same time are answered with one page', async () => {
    let made = 0;
    const release = Promise.withResolvers<undefined>();
    const server = await started({
      metrics: async () => {
        made += 1;
        await release.promise;
        return { contentType: 'text/plain', body: `page ${made}` };
      },
    });
    let sent = 0;
    const answers = Array.from({ length: 20 }, () => {
      const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
      let text = '';
      socket.on('data', (chunk: string) => (text += chunk));
      socket.write(
        'GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        () => (sent += 1),
      );
      return once(socket, 'close').then(() => text.slice(text.lastIndexOf('page')).split('\r\n')[0]);
    });
    await waitUntil(() => Promise.resolve(sent === 20), { what: 'twenty requests' });
    // The next answer shows that the server has read what came before.
    await get(server, '/livez');
    release.resolve(undefined);
    const pages = await Promise.all(answers);
    expect(made).toBeLessThan(20);
    expect(new Set(pages)).toEqual(new Set(Array.from({ length: made }, (_, at) => `page ${at + 1}`)));
  });

  it('the health server answers 404 to other paths and other methods', async () => {
    const server = await started();
    expect((await get(server, '/metrics')).status).toBe(404);
    const posted = await fetch(`http://127.0.0.1:${server.port}/readyz`, { method: 'POST' });
    expect(posted.status).toBe(404);
  });

  // Seen to fail: a page whose name was made to resolve to this machine read its states and metrics.
  it.each([
    ['localhost', 200],
    ['LOCALHOST:9090', 200],
    ['shop.localhost:9090', 200],
    ['127.0.0.1:9090', 200],
    ['[::1]:9090', 200],
    ['10.1.2.3', 200],
    ['evil.example:9090', 421],
    ['localhost.evil.example', 421],
    ['127.evil.example', 421],
    ['[evil]', 421],
  ])('the health server on loopback answers a request for the host %s with %d', async (host, status) => {
    expect(await statusUnder(await started(), host)).toBe(status);
  });

  it('the health server of a container answers under every name, as a scraper has one of its network', async () => {
    expect(await statusUnder(await started({ host: '0.0.0.0' }), 'orders:9090')).toBe(200);
  });

  it('a taken port is reported with the next step, and nothing is left running', async () => {
    const first = await started();
    const second = healthServer({ port: first.port, checks: () => ({}) });
    await expect(second.start()).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(`port ${first.port} on 127.0.0.1 is taken`) as string,
    });
    await second.stop();
    await second.done;
  });

  it('the health server stops with a half-sent request, more than once, and then answers no more', async () => {
    const server = await started();
    const { port } = server;
    await get(server, '/livez');
    const half = connect(port, '127.0.0.1');
    const ended = new Promise((resolve) => half.on('error', resolve).on('close', resolve));
    half.write('GET /livez HTTP/1.1\r\n');
    // The next answer shows that the server has accepted the connection.
    await get(server, '/livez');
    await Promise.all([server.stop(), server.stop()]);
    await server.done;
    await ended;
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow('fetch failed');
  });
});
