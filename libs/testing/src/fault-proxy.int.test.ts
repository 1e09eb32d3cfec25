import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { faultProxy, type FaultProxy } from './fault-proxy.ts';
import { waitUntil } from './wait-until.ts';

let echo: Server;
let proxy: FaultProxy;
let reached: string[];
const clients: Client[] = [];

interface Client {
  readonly socket: Socket;
  readonly received: string[];
  readonly closed: () => boolean;
}

async function client(): Promise<Client> {
  const socket = connect(proxy.port, '127.0.0.1');
  const received: string[] = [];
  let closed = false;
  socket.on('data', (chunk) => received.push(chunk.toString()));
  socket.on('close', () => (closed = true));
  socket.on('error', () => undefined);
  const made = { socket, received, closed: () => closed };
  clients.push(made);
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  return made;
}

const answered = async (from: Client, text: string): Promise<void> => {
  await waitUntil(() => from.received.join('').includes(text), { what: `the answer ${text}` });
};

beforeEach(async () => {
  reached = [];
  echo = createServer((socket) => {
    socket.on('data', (chunk) => {
      reached.push(chunk.toString());
      socket.write(chunk);
    });
    socket.on('error', () => undefined);
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  const address = echo.address();
  proxy = await faultProxy({ target: `127.0.0.1:${typeof address === 'object' ? address!.port : 0}` });
});

afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy();
  await proxy.close();
  echo.close();
});

describe('a fault proxy', () => {
  it('a fault proxy passes bytes in both directions', async () => {
    const one = await client();
    one.socket.write('hello');
    await answered(one, 'hello');
  });

  it('a fault proxy that is cut breaks connections and refuses new ones until restore', async () => {
    const one = await client();
    proxy.cut();
    await waitUntil(one.closed, { what: 'the reset' });
    const refused = await client();
    await waitUntil(refused.closed, { what: 'the refusal' });
    proxy.restore();
    const again = await client();
    again.socket.write('back');
    await answered(again, 'back');
  });

  it('a fault proxy that stalls keeps connections open and delivers nothing until restore', async () => {
    const one = await client();
    one.socket.write('before');
    await answered(one, 'before');
    proxy.stall();
    one.socket.write('held');
    const other = await client();
    other.socket.write('held too');
    // A round trip beside the proxy shows that time for an answer has passed.
    await roundTripBeside();
    expect(reached.join()).not.toContain('held');
    expect(one.closed()).toBe(false);
    proxy.restore();
    await answered(one, 'held');
    await answered(other, 'held too');
  });

  it('a fault proxy that silences connections loses what they send, also after restore, and passes new ones', async () => {
    const [one, gone] = [await client(), await client()];
    for (const { socket } of [one, gone]) socket.write('before');
    await waitUntil(() => reached.join('') === 'beforebefore', { what: 'both to reach the server' });
    proxy.silence();
    one.socket.write('lost');
    gone.socket.destroy();
    await waitUntil(gone.closed, { what: 'the end of a client' });
    const other = await client();
    other.socket.write('new');
    await answered(other, 'new');
    proxy.restore();
    await roundTripBeside();
    expect([reached.join('').includes('lost'), one.closed()]).toEqual([false, false]);
    // The server has not learned that a client has ended.
    const held = await new Promise<number>((resolve) =>
      echo.getConnections((_error, count) => resolve(count)),
    );
    expect(held).toBe(3);
  });

  it('a fault proxy that drops replies passes the request and loses the answer', async () => {
    const one = await client();
    proxy.dropReplies();
    one.socket.write('charge the card');
    await waitUntil(() => reached.join('').includes('charge the card'), { what: 'the request' });
    await roundTripBeside();
    expect(one.received).toEqual([]);
    proxy.restore();
    await waitUntil(one.closed, { what: 'the end of the stream with a hole' });
    const again = await client();
    again.socket.write('and now');
    await answered(again, 'and now');
  });

  it('a fault proxy with a delay holds back every byte in order, also bytes that come just after the delay ended', async () => {
    const one = await client();
    proxy.delay(150);
    const sent = performance.now();
    one.socket.write('a,');
    await roundTripBeside();
    expect(one.received).toEqual([]);
    one.socket.write('b,');
    await waitUntil(() => reached.join('').includes('a,b,'), { what: 'both to reach the server' });
    proxy.restore();
    one.socket.write('c');
    await answered(one, 'a,b,c');
    // The delay counts twice: on the way there, and on the way back for bytes sent before the delay was lifted.
    expect(performance.now() - sent).toBeGreaterThanOrEqual(149);
  });
});

async function roundTripBeside(): Promise<void> {
  const address = echo.address();
  const direct = connect(typeof address === 'object' ? address!.port : 0, '127.0.0.1');
  for (let round = 0; round < 20; round += 1) {
    direct.write('ping');
    await once(direct, 'data');
  }
  direct.destroy();
}
