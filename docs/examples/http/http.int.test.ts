import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { startTelemetry } from 'convergekit/telemetry';
import { deadlineHeaders } from 'convergekit/http';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { serveApp } from '../../../libs/kit/src/fixture/serve-app.ts';
import type { ShopDb } from './orders.ts';
import { expressApp } from './with-express.ts';
import { fastifyApp } from './with-fastify.ts';
import { honoApp } from './with-hono.ts';

/*
 * The examples of the guide over HTTP, as `http` of a service serves them.
 */
const APPS = [
  ['Express', expressApp],
  ['Fastify', fastifyApp],
  ['Hono', honoApp],
] as const;

let database: Database<ShopDb>;
const spans: string[] = [];
const telemetry = await startTelemetry({
  serviceName: 'http-example',
  onSpan: ({ name }) => spans.push(name),
});
beforeAll(async () => {
  database = connect<ShopDb>({ url: await freshDatabase(inject('stack').databaseUrl, 'http') });
  await migrate(database, [outboxMigrations]);
  await database.executor.query('create table orders (id text primary key, cents int not null)');
});
beforeEach(async () => {
  await database.executor.query('truncate orders, converge.outbox, converge.request');
});
afterAll(async () => {
  await database.close();
  await telemetry.shutdown();
});

const TRACE = '0af7651916cd43dd8448eb211c80319c';

describe.each(APPS)('a service with %s', (name, app) => {
  let url: string;
  beforeAll(async () => {
    const served = await serveApp(() => app(database.db));
    url = `http://127.0.0.1:${served.port}/orders`;
    return () => served.stop();
  });

  const post = async (headers: Readonly<Record<string, string>>, cents = 5) => {
    const body = JSON.stringify({ id: 'a', cents });
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return [answer.status, await answer.json()] as const;
  };

  test(`a repeated request to ${name} is done once, and gets the same answer`, async () => {
    const headers = { 'idempotency-key': 'k-1' };
    const answers = await Promise.all([post(headers), post(headers), post(headers)]);
    expect(answers).toEqual(Array.from({ length: 3 }, () => [201, { placed: 'a' }]));
    const { rows } = await database.executor.query('select key from converge.outbox');
    expect(rows).toEqual([{ key: 'a' }]);
  });

  test(`a request to ${name} without a key is refused, and one with a used key and other content`, async () => {
    expect((await post({}))[0]).toBe(400);
    expect((await post({ 'idempotency-key': 'k-2' }))[0]).toBe(201);
    expect((await post({ 'idempotency-key': 'k-2' }, 6))[0]).toBe(422);
  });

  test(`the event of a request to ${name} continues the trace of the request`, async () => {
    await post({ 'idempotency-key': 'k-3', traceparent: `00-${TRACE}-b7ad6b7169203331-01` });
    const { rows } = await database.executor.query<{ trace: string }>(
      "select headers::json ->> 'traceparent' as trace from converge.outbox",
    );
    expect(rows.map(({ trace }) => trace.split('-')[1])).toEqual([TRACE]);
    await waitUntil(() => spans.includes('POST /orders'), { what: 'the span of the request' });
    spans.length = 0;
  });

  test(`a request to ${name} whose deadline has passed is refused, and one with time left is done`, async () => {
    const at = (ms: number) => ({ 'idempotency-key': 'k-4', ...deadlineHeaders(new Date(Date.now() + ms)) });
    expect((await post(at(-1)))[0]).toBe(504);
    expect((await post(at(60_000)))[0]).toBe(201);
  });
});
