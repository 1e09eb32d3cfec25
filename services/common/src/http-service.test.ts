import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { stressService } from '@convergekit/core/service-stress';
import { manualClock, type ManualClock } from '@convergekit/testing';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import type { HttpServer } from 'convergekit/http';
import { httpService } from './http-api.ts';

interface Scene {
  readonly server: HttpServer;
  readonly clock: ManualClock;
  /** Resolves when a request has reached its handler. */
  readonly reached: Promise<unknown>;
  /** Lets the handler answer. */
  readonly release: () => void;
}

async function scene(): Promise<Scene> {
  const clock = manualClock();
  const reached = Promise.withResolvers<undefined>();
  const released = Promise.withResolvers<undefined>();
  const app = new Hono();
  app.get('/quick', (context) => context.text('quick'));
  app.post('/echo', async (context) => context.text(await context.req.text()));
  app.onError((_error, context) => context.text('failed', 500));
  app.get('/slow', async (context) => {
    reached.resolve(undefined);
    await released.promise;
    return context.text('done');
  });
  const server = httpService(app, 0, '127.0.0.1', clock);
  await server.start();
  return { server, clock, reached: reached.promise, release: () => released.resolve(undefined) };
}

/** Opens a connection and sends the text, which the server accepts before it answers a later request. */
async function sent({ server }: Scene, text: string): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1')
    .on('error', () => undefined)
    .resume();
  socket.write(text);
  await fetch(`http://127.0.0.1:${server.port}/quick`, { headers: { connection: 'close' } });
  return socket;
}

describe('an HTTP service', () => {
  // Planted fault: without closeAllConnections after the grace period, the stop never resolves.
  it.each([
    ['half a header', 'POST /quick HTTP/1.1\r\nHost: x\r\n'],
    ['half a body', 'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a":'],
    ['nothing', ''],
  ])('an HTTP service stops after its grace period although a client has sent %s', async (_what, text) => {
    const one = await scene();
    const socket = await sent(one, text);
    const stopped = one.server.stop();
    await Promise.all([one.clock.advance(4_000), once(socket, 'close'), stopped]);
    await one.server.done;
  });

  it('an HTTP service lets a request in flight finish before it stops', async () => {
    const { server, clock, reached, release } = await scene();
    const answer = fetch(`http://127.0.0.1:${server.port}/slow`, { headers: { connection: 'close' } });
    await reached;
    const stopped = server.stop();
    await clock.advance(3_999);
    release();
    expect(await (await answer).text()).toBe('done');
    await stopped;
    expect(clock.sleepers).toBe(0);
  });

  it('an HTTP service meets the obligations of every service', async () => {
    await stressService({ make: () => httpService(new Hono(), 0) });
  });
});
