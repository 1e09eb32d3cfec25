import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import { Hono } from 'hono';
import { expect, it } from 'vitest';
import { serveApp } from '../../fixture/serve-app.ts';
import type { HttpApp } from './app.ts';

const APPS: readonly (readonly [string, () => HttpApp])[] = [
  [
    'Hono',
    () =>
      new Hono()
        .post('/echo', async (c) => c.text(await c.req.text()))
        .onError((error) => {
          throw error;
        }),
  ],
  [
    'Express',
    () => express().post('/echo', async (request, response) => void response.send(await text(request))),
  ],
];

/** Sends bytes and returns the status lines of all answers until the connection ends. */
async function statuses(port: number, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let answer = '';
  socket.on('data', (part: string) => (answer += part)).on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  await once(socket, 'close');
  return [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status).join(' ');
}

const last = 'Host: x\r\nConnection: close\r\n';
const post = (body: string, head = 'Host: x\r\n') =>
  `POST /echo HTTP/1.1\r\n${head}Content-Length: ${body.length}\r\n\r\n${body}`;

/** What a client sends, and the answers. */
const PROBES: readonly (readonly [what: string, bytes: string, answers: string])[] = [
  ['a header of 40 KB', `GET / HTTP/1.1\r\nA: ${'a'.repeat(40_000)}\r\n${last}\r\n`, '431'],
  ['no HTTP', 'hello\r\n\r\n', '400'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n', '400'],
  [
    'two lengths',
    `POST /echo HTTP/1.1\r\n${last}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    '400',
  ],
  [
    'a length beyond all numbers',
    `POST /echo HTTP/1.1\r\n${last}Content-Length: ${'9'.repeat(30)}\r\n\r\n`,
    '400',
  ],
  ['a tunnel', `CONNECT a:80 HTTP/1.1\r\n${last}\r\n`, ''],
  ['requests in one packet', `${post('a')}${post('b')}${post('c', last)}`, '200 200 200'],
  ['a large body between others', `${post('a')}${post('x'.repeat(2_000))}${post('c', last)}`, '200 413 200'],
];

it.each(
  APPS.flatMap(([name, app]) => PROBES.map(([what, ...probe]) => [name, what, app, ...probe] as const)),
)(
  'a service with %s answers a client that sends %s by its status, and continues without an error of its own',
  async (_name, _what, app, bytes, answers) => {
    const served = await serveApp(app);
    expect(await statuses(served.port, bytes)).toBe(answers);
    expect(await statuses(served.port, post('next', last))).toBe('200');
    expect(served.errors).toEqual([]);
    await served.stop();
  },
);
