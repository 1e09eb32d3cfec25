import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { waitUntil } from '@convergekit/testing';
import { freePort } from '@convergekit/testing/internal';
import { afterEach, expect, inject, it } from 'vitest';
import { killPrograms, program } from '../../fixture/program.ts';

afterEach(killPrograms);

/** Answers /held at SIGUSR2, /never not at all, and everything else at once. */
const listener = `(request, response) => {
  if (request.url === '/held') process.once('SIGUSR2', () => response.end('done'));
  else if (request.url !== '/never') response.end('here');
  say('asked for ' + request.url);
}`;

/** A connection of a client that keeps it, and all that it gets. */
async function kept(port: number, path: string) {
  const socket: Socket = connect(port, '127.0.0.1').setEncoding('utf8');
  let answer = '';
  socket.on('data', (text: string) => (answer += text)).on('error', () => undefined);
  const ended = once(socket, 'close').then(() => answer);
  await once(socket, 'connect');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return { socket, ended };
}

it('a service that gets SIGTERM answers what is in flight, takes nothing new and exits with 0', async () => {
  const port = await freePort();
  const run = program(`{ http: () => ${listener} }`, { DATABASE_URL: inject('stack').databaseUrl }, [
    `--http.port=${port}`,
  ]);
  await run.until('trial is ready');
  const idle = await kept(port, '/idle');
  const held = await kept(port, '/held');
  for (const path of ['/idle', '/held']) await run.until(`asked for ${path}`);
  run.child.kill('SIGTERM');
  // The connection without a request ends first.
  expect(await idle.ended).toMatch(/^HTTP\/1\.1 200 [^]*here$/);
  const refused = () =>
    fetch(`http://127.0.0.1:${port}/new`).then(
      () => false,
      () => true,
    );
  await waitUntil(refused, { what: 'the end of the port' });
  run.child.kill('SIGUSR2');
  expect(await held.ended).toMatch(/^HTTP\/1\.1 200 [^]*connection: close[^]*done$/i);
  expect(await run.exited).toEqual([0, null]);
});

it('a service that gets SIGTERM while a request never ends cuts it off and exits by itself', async () => {
  const port = await freePort();
  const args = [`--http.port=${port}`, '--stop.deadlineMs=1000'];
  const run = program(`{ http: () => ${listener} }`, { DATABASE_URL: inject('stack').databaseUrl }, args);
  await run.until('trial is ready');
  const never = await kept(port, '/never');
  await run.until('asked for /never');
  run.child.kill('SIGTERM');
  expect(await never.ended).toBe('');
  // On a machine under load the rest of the stop may be late, which is exit code 1.
  expect(await run.exited).toEqual([expect.any(Number), null]);
});

it('a service whose port is taken ends with exit code 78 and one line that names the port and the setting', async () => {
  const port = Number(new URL(inject('stack').databaseUrl).port);
  const run = program(`{ http: () => ${listener} }`, { DATABASE_URL: inject('stack').databaseUrl }, [
    `--http.port=${port}`,
  ]);
  expect(await run.exited).toEqual([78, null]);
  expect(run.lines.at(-1)).toMatchObject({
    level: 'fatal',
    msg: expect.stringMatching(
      new RegExp(`the http port ${port} on 127\\.0\\.0\\.1 is taken by another process: .*http\\.port`),
    ) as string,
  });
});

/** A declaration whose process does not find the package. */
const withoutPackage = `await import('node:module').then(({ registerHooks }) => {
  registerHooks({
    resolve: (name, context, next) => next(name === '@hono/node-server' ? 'is-not-installed' : name, context),
  });
  return { http: () => ({ fetch: () => new Response('here') }) };
})`;

it('a service whose application needs a package that is not installed ends with exit code 78 and the command that installs it', async () => {
  const run = program(withoutPackage, { DATABASE_URL: inject('stack').databaseUrl }, ['--http.port=0']);
  expect(await run.exited).toEqual([78, null]);
  expect(run.lines.at(-1)).toMatchObject({
    level: 'fatal',
    msg: expect.stringContaining('run `npm install @hono/node-server`') as string,
  });
});
