import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { httpServer } from './http-server.ts';

const timeouts = { headersTimeout: 50, requestTimeout: 100, connectionsCheckingInterval: 10 };

// Planted fault: without `timeouts` in createServer, the connection stays open and both tests run out of time.
it.each([
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
