/**
 * The console in an application of each kind, with the application's own login. Seen to fail without: the base path in pages,
 * redirects and cookies, the path that Express takes off, the form's token of a user of the application.
 */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { NestFactory } from '@nestjs/core';
import expressApp from 'express';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { allMigrations } from '@convergekit/operate';
import { migratedDatabase } from '@convergekit/testing/engine';
import type { Database } from '@convergekit/postgres';
import type { ConsoleHandler } from '@convergekit/console';
import { app as express } from './express.ts';
import { app as fastify } from './fastify.ts';
import { app as hono } from './hono.ts';
import { mount } from './nest.ts';
import { operators } from './operators.ts';

const BASE = '/ops/console';
let url: string;
let database: Database;

beforeAll(async () => {
  ({ url, database } = await migratedDatabase(inject('stack').databaseUrl, allMigrations, {
    prefix: 'console_mounted',
  }));
  for (const name of Object.keys(APPLICATIONS)) {
    await database.executor.query('insert into converge.inbox_consumer (name) values ($1)', [name]);
    await database.executor.query(
      `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset)
       values ($1, 'shop.orders', 0, 0, 0)`,
      [name],
    );
  }
});
afterAll(() => database.close());

interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: URLSearchParams;
}

interface Running {
  readonly origin: string;
  readonly stop: () => Promise<unknown>;
}

async function listen(listener: RequestListener): Promise<Running> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const stop = () =>
    new Promise((resolve) => {
      server.close(resolve);
      server.closeAllConnections();
    });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, stop };
}

/** A module of Nest that has nothing. */
class AppModule {
  readonly name = 'app';
}

const APPLICATIONS: Readonly<Record<string, (operators: ConsoleHandler) => Promise<Running>>> = {
  Hono: (operators) => {
    const answer = getRequestListener(hono(operators).fetch);
    return listen((request, response) => void answer(request, response));
  },
  Express: (operators) => listen(express(operators) as RequestListener),
  Fastify: async (operators) => {
    const app = fastify(operators);
    return { origin: await app.listen({ port: 0, host: '127.0.0.1' }), stop: () => app.close() };
  },
  Nest: async (operators) => {
    const app = await NestFactory.create({ module: AppModule });
    mount(app, operators);
    await app.listen(0, '127.0.0.1');
    return { origin: await app.getUrl(), stop: () => app.close() };
  },
};

it.each(Object.keys(APPLICATIONS))(
  'the console in an application of %s has pages, files, acts and live events under its path, for the users of the application',
  async (name) => {
    const handler = operators(url);
    const { origin, stop } = await (APPLICATIONS[name] as (typeof APPLICATIONS)[string])(handler);
    const at = (path: string, init: Asked = {}) =>
      fetch(origin + BASE + path, {
        redirect: 'manual',
        ...init,
        headers: { cookie: 'login=ada', ...init.headers },
      });
    try {
      const page = await (await at('')).text();
      expect(page).toContain('ada');
      const paths = [...page.matchAll(/\s(?:href|action|src)="([^"#][^"]*)"/g)].map(([, path = '']) => path);
      expect(paths.length).toBeGreaterThan(12);
      for (const path of paths) expect(path).toMatch(/^\/ops\/console\//);
      for (const path of paths.filter((one) => one.includes('/static/')))
        expect([path, (await fetch(origin + path)).status]).toEqual([path, 200]);
      // Without the application's session: to the way to sign in, which is under the path, too.
      const stranger = await at('/sagas?state=stuck', { headers: { cookie: '' } });
      expect([stranger.status, stranger.headers.get('location')]).toEqual([
        303,
        `${BASE}/sign-in?to=%2Fsagas%3Fstate%3Dstuck`,
      ]);
      const signIn = await at('/sign-in', { headers: { cookie: '' } });
      expect(await signIn.text()).toContain('takes its users from the application');
      // An act by the form of the page, and none without its token.
      const act = `/consumers/pause?consumer=${name}`;
      const own = { 'sec-fetch-site': 'same-origin' };
      const preview = await (await at(act, { headers: own })).text();
      const [, formToken = ''] = /name="formToken" value="([^"]+)"/.exec(preview) ?? [];
      const post = (token: string, headers: Readonly<Record<string, string>> = own) =>
        at('/consumers/pause', {
          method: 'POST',
          headers,
          body: new URLSearchParams({ consumer: name, reason: 'r', formToken: token }),
        });
      expect((await post('')).status).toBe(403);
      const viewed = await (await at(act, { headers: { ...own, cookie: 'login=eve' } })).text();
      expect(viewed).toContain('eve');
      expect(viewed).not.toContain('name="reason"');
      expect((await post(formToken, { 'sec-fetch-site': 'cross-site' })).status).toBe(403);
      const done = await post(formToken);
      expect([done.status, done.headers.get('location')]).toEqual([
        303,
        expect.stringMatching(/^\/ops\/console\/actions\//),
      ]);
      const tail = await at('/tail/events');
      expect(tail.headers.get('content-type')).toContain('text/event-stream');
      const { value } = await (tail.body as ReadableStream<Uint8Array>).getReader().read();
      expect(Buffer.from(value ?? []).toString()).toContain('event: frame');
      expect((await at('/api/sagas')).status).toBe(200);
    } finally {
      await handler.close();
      await stop();
    }
  },
);

it('a body that the application parsed before the console is refused with the remedy, and nothing is done', async () => {
  const handler = operators(url);
  const app = expressApp();
  app.use(expressApp.urlencoded());
  app.use(BASE, handler.listener);
  const { origin, stop } = await listen(app as RequestListener);
  try {
    const answer = await fetch(`${origin}${BASE}/consumers/pause`, {
      method: 'POST',
      headers: { cookie: 'login=ada' },
      body: new URLSearchParams({ consumer: 'Hono', reason: 'r' }),
    });
    expect([answer.status, await answer.json()]).toEqual([
      500,
      { code: 'CONSOLE_BODY_READ', message: expect.stringContaining('express.json()') as string },
    ]);
  } finally {
    await handler.close();
    await stop();
  }
});
