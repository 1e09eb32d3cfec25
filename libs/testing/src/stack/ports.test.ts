import { createServer } from 'node:net';
import { systemRandom } from '@convergekit/core';
import { expect, it, onTestFinished } from 'vitest';
import { freePort, PORTS } from './ports.ts';

it('a port on which something listens is passed over', async () => {
  const server = createServer();
  onTestFinished(() => void server.close());
  const taken = await new Promise<number>((resolve) => {
    let port = PORTS.from;
    server.on('error', () => server.listen((port += 1), '127.0.0.1'));
    server.on('listening', () => resolve(port));
    server.listen(port, '127.0.0.1');
  });
  const first = (taken - PORTS.from + 0.5) / (PORTS.to - PORTS.from + 1);
  const numbers = [first][Symbol.iterator]();
  expect(await freePort(() => numbers.next().value ?? systemRandom())).not.toBe(taken);
});

it('ports are never given twice, although nothing listens on them yet, and none is one of an outgoing connection', async () => {
  const ports = await Promise.all(Array.from({ length: 500 }, () => freePort()));
  expect(new Set(ports).size).toBe(ports.length);
  expect(ports.filter((port) => port < PORTS.from || port > PORTS.to)).toEqual([]);
});
