import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Database, DomainEvent } from 'convergekit';
import { consumerService, inboxMigrations, relay, relayMigrations } from 'convergekit/process';
import { freshDatabase, memoryBroker, waitUntil } from '@convergekit/testing';
import { kafkaBroker } from 'convergekit/kafka';
import { connect, createOutbox, migrate, outboxMigrations } from 'convergekit/postgres';
import { afterEach, describe, expect, inject, it } from 'vitest';
import {
  orderPlaced,
  pageViewed,
  priceChanged,
  stock,
  type StockDb,
  stockReserved,
  TABLES,
  trusting,
} from './write-a-consumer.ts';

const example = new URL('write-a-consumer.ts', import.meta.url).href;
const closers: (() => Promise<unknown>)[] = [];
let database: Database<StockDb>;

/** Starts a relay and the example's consumer on a database of their own. */
async function startExample(): Promise<void> {
  const broker = memoryBroker();
  closers.push(() => broker.close());
  const admin = await broker.admin();
  for (const name of [...stock.topics, stockReserved.topic, stock.failureTopic])
    await admin.createTopic({ name, partitions: 3 });
  database = connect<StockDb>({ url: await freshDatabase(inject('stack').databaseUrl, 'stock') });
  closers.push(() => database.close());
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query(TABLES);
  // The shop's outbox and the consumer's own are one here, so that one relay does for both.
  for (const service of [relay({ database, broker }), consumerService([stock], { database, broker })]) {
    closers.push(() => service.stop());
    await service.start();
  }
}
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const publish = (...events: readonly DomainEvent[]) =>
  createOutbox([orderPlaced, pageViewed, priceChanged]).transaction(database.db, ({ emit }) => {
    for (const event of events) emit(event);
    return Promise.resolve();
  });
const rows = async <R>(text: string): Promise<readonly R[]> => (await database.executor.query<R>(text)).rows;
const counts = async () => {
  const [found] = await rows<Record<'views' | 'prices' | 'told', number>>(
    `select (select count(*)::int from view) as views, (select count(*)::int from price) as prices,
            (select count(*)::int from converge.outbox where topic in ('store.stock', 'warehouse.failures')) as told`,
  );
  return found;
};

describe('the example of "write a consumer"', () => {
  it('the consumer of “write a consumer” that lists its sources trusts no other', () => {
    expect(trusting.sources).toEqual({ orders: '0197c3f4-6a1e-7c31-9d53-2f8b1a6e4c07' });
  });

  it('the example of “write a consumer” runs as a process until a signal', async () => {
    const { brokers: KAFKA_BROKERS } = inject('stack');
    const DATABASE_URL = await freshDatabase(inject('stack').databaseUrl, 'stock');
    const broker = kafkaBroker({ brokers: KAFKA_BROKERS.split(','), clientId: 'example' });
    const admin = await broker.admin();
    const topics = [...stock.topics, stock.failureTopic, stockReserved.topic];
    closers.push(
      () => broker.close(),
      () => admin.close(),
      ...topics.map((name) => () => admin.deleteTopic(name)),
    );
    for (const name of topics) await admin.createTopic({ name, partitions: 2 });
    const empty = connect({ url: DATABASE_URL });
    closers.push(() => empty.close());
    await migrate(empty, [outboxMigrations, relayMigrations, inboxMigrations]);
    const run = `const { warehouse } = await import(${JSON.stringify(example)}); await warehouse.run();`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', run], {
      env: { ...process.env, DATABASE_URL, KAFKA_BROKERS, LOG_LEVEL: 'info' },
      stdio: ['ignore', 'inherit', 'pipe'],
    });
    const exited = once(child, 'exit');
    for await (const line of createInterface({ input: child.stderr }))
      if (line.includes('warehouse is ready')) child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect((await empty.executor.query('select from converge.inbox_partition')).rowCount).toBe(6);
  });

  it('G3e: the example of “write a consumer” reserves available goods, rejects the rest, and handles views and prices', async () => {
    await startExample();
    await database.db.insertInto('stock').values({ sku: 'cup', free: 3 }).execute();
    await publish(
      orderPlaced({ orderId: 'o1', sku: 'cup', pieces: 2 }),
      orderPlaced({ orderId: 'o2', sku: 'cup', pieces: 2 }),
      ...Array.from({ length: 50 }, (_, n) => pageViewed({ sku: `s${n % 5}`, visitor: `v${n}` })),
      ...Array.from({ length: 50 }, (_, n) => priceChanged({ sku: `s${n % 5}`, cents: 100 + n })),
    );
    await waitUntil(async () => JSON.stringify(await counts()) === '{"views":50,"prices":5,"told":2}', {
      what: 'the effects of all events',
    });
    expect(await rows('select "orderId", sku, pieces from reservation')).toEqual([
      { orderId: 'o1', sku: 'cup', pieces: 2 },
    ]);
    expect(await rows('select sku, free from stock')).toEqual([{ sku: 'cup', free: 1 }]);
    const told = await rows(
      'select topic from converge.outbox where topic not like $$store.%s$$ order by id',
    );
    expect(told).toEqual([{ topic: 'store.stock' }, { topic: 'warehouse.failures' }]);
    // Planted fault: views of one visitor in another order than the log's fail here.
    const views = await rows<{ visitor: string }>(`select visitor from view where sku = 's1' order by ctid`);
    expect(views.map(({ visitor }) => visitor)).toEqual(
      Array.from({ length: 10 }, (_, n) => `v${5 * n + 1}`),
    );
    await waitUntil(
      async () => (await rows(`select from price where sku = 's4' and cents = 149`)).length === 1,
      {
        what: 'the last price',
      },
    );
  });
});
