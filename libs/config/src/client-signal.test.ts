import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { clientSignal } from './client-signal.ts';

async function served(): Promise<{
  port: number;
  signal: Promise<AbortSignal>;
  server: Server;
  ended: Promise<unknown>;
}> {
  const [made, ended] = [Promise.withResolvers<AbortSignal>(), Promise.withResolvers<undefined>()];
  const server = createServer((incoming, response) => {
    response.once('close', () => ended.resolve(undefined));
    made.resolve(clientSignal(response));
    if (incoming.url === '/answered') response.end('here');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, signal: made.promise, server, ended: ended.promise };
}

it('the signal of a request aborts when its client has gone before the answer', async () => {
  const { port, signal } = await served();
  const asked = request({ port, host: '127.0.0.1', path: '/' }).on('error', () => undefined);
  asked.end();
  const aborts = await signal;
  expect(aborts.aborted).toBe(false);
  const aborted = once(aborts, 'abort');
  asked.destroy();
  await aborted;
  expect(aborts.reason).toMatchObject({ message: 'the client has gone' });
});

// Planted fault: a signal that aborts at each end of a response fails here.
it('the signal of a request that was answered never aborts', async () => {
  const { port, signal, ended } = await served();
  await (await fetch(`http://127.0.0.1:${port}/answered`, { headers: { connection: 'close' } })).text();
  await ended;
  expect((await signal).aborted).toBe(false);
});
