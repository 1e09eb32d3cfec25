import { once } from 'node:events';
import type { RequestListener, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { manualClock, waitUntil } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { httpServer } from './http-server.ts';

const timeouts = { headersTimeout: 50, requestTimeout: 100, connectionsCheckingInterval: 10 };

it.each([
  ['nothing', ''],
  ['half a header', 'POST / HTTP/1.1\r\nHost: x\r\n'],
  ['half a body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a":'],
])('an HTTP server answers 408 to a client that has sent %s and no more', async (_what, text) => {
  const server = httpServer({
    name: 'http',
    port: 0,
    timeouts,
    listener: (request, response) => void request.resume().on('end', () => response.end()),
  });
  await server.start();
  const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
  let answer = '';
  socket.on('data', (chunk: string) => (answer += chunk));
  socket.write(text);
  await once(socket, 'close');
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  await server.stop();
});

it('an HTTP server closes connections beyond its limit, answers those within, and takes new ones when others have ended', async () => {
  const listener: RequestListener = (_request, response) => void response.end('here');
  const server = httpServer({ name: 'http', port: 0, maxConnections: 2, listener });
  await server.start();
  const open = async (): Promise<Socket> => {
    const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  const ask = async (socket: Socket): Promise<string> => {
    const ended = once(socket, 'close').then(() => 'closed');
    const answered = once(socket, 'data').then(([text]) => String(text).split('\r\n')[0] ?? '');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    return Promise.race([answered, ended]);
  };
  const [first, second] = [await open(), await open()];
  expect([await ask(first), await ask(second)]).toEqual(['HTTP/1.1 200 OK', 'HTTP/1.1 200 OK']);
  expect(await ask(await open())).toBe('closed');
  first.destroy();
  await waitUntil(async () => (await ask(await open())) === 'HTTP/1.1 200 OK', { what: 'a free place' });
  await server.stop();
});

it('an HTTP server cuts off a client that asks and does not read its answer', async () => {
  const closed = Promise.withResolvers<undefined>();
  const server = httpServer({
    name: 'http',
    port: 0,
    idleMs: 50,
    listener: (request, response) => {
      request.socket.on('close', () => closed.resolve(undefined));
      response.end(Buffer.alloc(64 * 1024 * 1024));
    },
  });
  await server.start();
  const socket = connect(server.port, '127.0.0.1').on('error', () => undefined);
  socket.pause();
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await closed.promise;
  socket.destroy();
  await server.stop();
});

// Planted fault: a limit on connections where nothing moves cuts off the client of a handler that takes its time.
it('an HTTP server does not cut off a client whose answer is not there yet', async () => {
  const server = httpServer({
    name: 'http',
    port: 0,
    idleMs: 50,
    listener: (request, response) => void request.socket.once('timeout', () => response.end('late')),
  });
  await server.start();
  expect(await (await fetch(`http://127.0.0.1:${server.port}`)).text()).toBe('late');
  await server.stop();
});

// Planted fault: a connection that is kept brings further requests to a server that stops, and its cut loses the last one.
it.each([
  ['whose answer has not begun', '', 'close'],
  ['whose answer has begun', 'half of ', 'keep-alive'],
])(
  'a stopping HTTP server ends a kept connection behind the request in flight %s',
  async (_what, begun, connection) => {
    const clock = manualClock();
    const inFlight = Promise.withResolvers<ServerResponse>();
    const server = httpServer({
      name: 'http',
      port: 0,
      graceMs: 4_000,
      clock,
      listener: (_request, response) => {
        if (begun !== '') response.write(begun);
        inFlight.resolve(response);
      },
    });
    await server.start();
    const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
    let answer = '';
    socket.on('data', (text: string) => (answer += text));
    const ended = once(socket, 'end');
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const response = await inFlight.promise;
    const stopped = server.stop();
    await waitUntil(() => clock.sleepers === 1, { what: 'the grace period' });
    response.end('the answer');
    await Promise.all([ended, stopped]);
    expect(answer).toContain('the answer');
    expect(/^connection: (.*)\r$/im.exec(answer)?.[1]).toBe(connection);
    // The time that a stop gives has not passed.
    expect(clock.sleepers).toBe(0);
  },
);
