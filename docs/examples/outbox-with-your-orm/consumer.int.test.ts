import { freshDatabase, memoryBroker, waitUntil } from '@convergekit/testing';
import { type ConsumerDefinition, type Database, defineConsumer } from 'convergekit';
import { consumerService, inboxMigrations, relay, relayMigrations } from 'convergekit/process';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import { drizzle } from 'drizzle-orm/node-postgres';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { copyWithDrizzle, copyWithTypeOrm } from './consumer.ts';
import { type Order, orderPlaced, outbox } from '../order-placed.ts';
import { orders } from './with-drizzle.ts';
import { orders as typeOrmOrders } from './with-typeorm.ts';

const closers: (() => Promise<unknown>)[] = [];
let database: Database;
let url: string;

beforeEach(async () => {
  url = await freshDatabase(inject('stack').databaseUrl, 'orms');
  database = connect({ url });
  closers.push(() => database.close());
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query('create table orders (id text primary key, cents int check (cents <> 13))');
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Runs a consumer on these orders until all are in its position. */
async function consume(consumer: ConsumerDefinition<unknown>, given: readonly Order[]): Promise<void> {
  const broker = memoryBroker();
  closers.push(() => broker.close());
  const admin = await broker.admin();
  for (const name of [...consumer.topics, consumer.failureTopic])
    await admin.createTopic({ name, partitions: 1 });
  await outbox.transaction(database.db, ({ emit }) => {
    for (const order of given) emit(orderPlaced(order));
    return Promise.resolve();
  });
  for (const service of [relay({ database, broker }), consumerService([consumer], { database, broker })]) {
    closers.push(() => service.stop());
    await service.start();
  }
  const text = `select coalesce(sum(next_offset), 0)::int as next from converge.inbox_partition where topic = 'orders'`;
  await waitUntil(
    async () => (await database.executor.query<{ next: number }>(text)).rows[0]?.next === given.length,
    { what: 'the position behind the last order' },
  );
}

const copied = async () => (await database.executor.query('select id, cents from orders order by id')).rows;
const codes = async () =>
  (await database.executor.query<{ code: string }>('select code from converge.parked')).rows.map(
    ({ code }) => code,
  );

const typeOrm = async (): Promise<DataSource> => {
  const source = await new DataSource({ type: 'postgres', url, entities: [typeOrmOrders] }).initialize();
  closers.push(() => source.destroy());
  return source;
};

describe.each([
  ['Drizzle', () => Promise.resolve(copyWithDrizzle)],
  ['TypeORM', async () => copyWithTypeOrm(await typeOrm())],
])('a handler that writes with %s', (name, consumerOf) => {
  test(`G3f: a handler with ${name} writes in the slice, and a failed one leaves nothing`, async () => {
    const given = ['a', 'b', 'c'].map((id, at) => ({ id, cents: at === 1 ? 13 : at + 1 }));
    await consume(await consumerOf(), given);
    expect(await copied()).toEqual([
      { id: 'a', cents: 1 },
      { id: 'c', cents: 3 },
    ]);
    expect(await codes()).toEqual(['23514']);
  });
});

/** The result of something that must be refused. */
const refusal = (work: Promise<unknown>): Promise<unknown> => work.catch((error: unknown) => error);

describe('the client of a handler', () => {
  test('G3f: the client of a handler refuses to begin or end a transaction, and takes savepoints', async () => {
    const refused: unknown[] = [];
    const consumer = defineConsumer('copy', { from: 'first' }).on(
      orderPlaced,
      async ({ data }, { pgClient }) => {
        const client = await pgClient();
        const db = drizzle(client);
        refused.push(await refusal(client.query('commit')));
        refused.push(await refusal(client.query({ text: 'begin' })));
        await client.query('savepoint one');
        await db.insert(orders).values({ id: 'undone', cents: 1 });
        await client.query('rollback to savepoint one');
        await db.insert(orders).values(data);
      },
    );
    await consume(consumer, [{ id: 'a', cents: 1 }]);
    expect(refused).toEqual([
      expect.objectContaining({ code: 'TRANSACTION_REFUSED', category: 'bug' }),
      expect.objectContaining({ code: 'TRANSACTION_REFUSED', category: 'bug' }),
    ]);
    expect(await copied()).toEqual([{ id: 'a', cents: 1 }]);
  });

  test('statements through the client and through tx run in the order in which they are sent', async () => {
    const consumer = defineConsumer<{ orders: Order }>('copy', { from: 'first' }).on(
      orderPlaced,
      async ({ data }, { pgClient, tx, write }) => {
        const client = await pgClient();
        write(tx.insertInto('orders').values(data));
        const raised = client.query('update orders set cents = cents + 1 where id = $1', [data.id]);
        write(
          tx
            .updateTable('orders')
            .set({ cents: 2 * (data.cents + 1) })
            .where('cents', '=', data.cents + 1),
        );
        await raised;
      },
    );
    await consume(consumer as ConsumerDefinition<unknown>, [{ id: 'a', cents: 5 }]);
    expect(await copied()).toEqual([{ id: 'a', cents: 12 }]);
  });

  test('G3f: the client of a handler refuses statements after the handler has ended', async () => {
    const later = Promise.withResolvers<() => Promise<unknown>>();
    const consumer = defineConsumer('copy', { from: 'first' }).on(orderPlaced, async (_, { pgClient }) => {
      const client = await pgClient();
      later.resolve(() => client.query("insert into orders values ('late', 1)"));
    });
    await consume(consumer, [{ id: 'a', cents: 1 }]);
    await expect((await later.promise)()).rejects.toMatchObject({ code: 'HANDLER_ENDED' });
    expect(await copied()).toEqual([]);
  });
});
