import 'reflect-metadata';
import { freshDatabase, memoryBroker, waitUntil } from '@convergekit/testing';
import { inboxMigrations, relayMigrations } from 'convergekit/process';
import { CONVERGE_OUTBOX, ConvergeModule, TransactionEvents } from '@convergekit/nest';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import { NestFactory } from '@nestjs/core';
import type { Database, Service } from 'convergekit';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { appModule } from './app.ts';
import { orderPlaced, outbox } from './shop.ts';

/*
 * The example application of the guide, on a real Postgres.
 * Seen to fail: the events of a nested transaction that failed; a started service that is not stopped when the next one fails.
 */
let database: Database;
let url: string;
let broker: ReturnType<typeof memoryBroker>;
let app: Awaited<ReturnType<typeof NestFactory.create>>;

beforeAll(async () => {
  database = connect({ url: await freshDatabase(inject('stack').databaseUrl, 'nest') });
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  for (const table of ['orders', 'bills'])
    await database.executor.query(
      `create table ${table} (id text primary key, cents int check (cents <> 13))`,
    );
  broker = memoryBroker();
  const admin = await broker.admin();
  for (const name of ['orders', 'billing.failures']) await admin.createTopic({ name, partitions: 2 });
  app = await NestFactory.create(appModule(database, broker), { logger: false });
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
beforeEach(() => database.executor.query('truncate orders, bills').then(() => undefined));
afterAll(async () => {
  await app.close();
  await broker.close();
  await database.close();
});

const post = async (path: string, body: unknown) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return [answer.status, await answer.json()] as const;
};
const idsOf = async (table: 'orders' | 'bills'): Promise<string[]> =>
  (await database.executor.query<{ id: string }>(`select id from ${table} order by id`)).rows.map(
    ({ id }) => id,
  );
const billed = (ids: readonly string[]) =>
  waitUntil(async () => JSON.stringify(await idsOf('bills')) === JSON.stringify(ids), { what: 'the bills' });

describe('the example application of “Nest”', () => {
  test('N6, G1b: an order and its event are written in one transaction, and the consumer of the application bills it', async () => {
    expect(await post('/orders', { id: 'a', cents: 5 })).toEqual([201, { placed: 'a' }]);
    await billed(['a']);
  });

  test('N6, G1b: an order that fails leaves neither a row nor an event', async () => {
    expect((await post('/orders', { id: 'bad', cents: 13 }))[0]).toBe(500);
    expect(await post('/orders', { id: 'c', cents: 1 })).toEqual([201, { placed: 'c' }]);
    await billed(['c']);
    expect(await idsOf('orders')).toEqual(['c']);
  });

  test('G1b: a nested transaction that fails takes its event with it, and the others keep theirs', async () => {
    const list = ['d', 'e', 'f'].map((id, at) => ({ id, cents: at === 1 ? 13 : 1 }));
    expect(await post('/orders/each', list)).toEqual([201, { placed: ['d', 'f'] }]);
    await billed(['d', 'f']);
    const { rows } = await database.executor.query("select key from converge.outbox where key = 'e'");
    expect(rows).toEqual([]);
  });

  test('an event that is emitted outside of a transaction is refused', () => {
    const events = app.get(TransactionEvents);
    expect(() => events.emit(orderPlaced({ id: 'x', cents: 1 }))).toThrow(
      expect.objectContaining({ code: 'NO_TRANSACTION' }),
    );
    expect(app.get(CONVERGE_OUTBOX)).toBe(outbox);
  });
});

/** A service that records what happens to it. */
function recorded(name: string, seen: string[], starts: () => Promise<void> = () => Promise.resolve()) {
  const done = Promise.withResolvers<undefined>();
  const service: Service = {
    name,
    done: done.promise,
    start: () => {
      seen.push(`start ${name}`);
      return starts();
    },
    stop: () => {
      seen.push(`stop ${name}`);
      done.resolve(undefined);
      return Promise.resolve();
    },
  };
  return { service, fail: (error: unknown) => done.reject(error) };
}

describe('the services of an application', () => {
  const create = (options: Parameters<typeof ConvergeModule.forRoot>[0]) =>
    NestFactory.createApplicationContext(ConvergeModule.forRoot(options), {
      logger: false,
      abortOnError: false,
    });

  test('services start in order and stop in reverse order', async () => {
    const seen: string[] = [];
    const context = await create({ services: [recorded('a', seen).service, recorded('b', seen).service] });
    await context.close();
    expect(seen).toEqual(['start a', 'start b', 'stop b', 'stop a']);
  });

  test('a service that does not start ends the application, and those before it are stopped', async () => {
    const seen: string[] = [];
    const broken = recorded('b', seen, () => Promise.reject(new Error('no database')));
    await expect(create({ services: [recorded('a', seen).service, broken.service] })).rejects.toThrow(
      'no database',
    );
    expect(seen).toEqual(['start a', 'start b', 'stop a']);
  });

  test('a service that fails later is reported by its name', async () => {
    const failed = Promise.withResolvers<unknown>();
    const { service, fail } = recorded('a', []);
    const context = await create({
      services: [service],
      onFailed: (name, error) => failed.resolve([name, String(error)]),
    });
    fail(new Error('the fence was lost'));
    expect(await failed.promise).toEqual(['a', 'Error: the fence was lost']);
    await context.close();
  });
});
