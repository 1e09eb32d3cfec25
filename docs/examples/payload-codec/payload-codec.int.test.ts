import { freshDatabase, memoryBroker, waitUntil } from '@convergekit/testing';
import { consumerService, inboxMigrations, relay, relayMigrations } from 'convergekit/process';
import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
import type { Database } from 'convergekit';
import { afterEach, describe, expect, inject, test } from 'vitest';
import { orderPlaced, outbox } from '../order-placed.ts';
import { billing, brokerWithRegistry } from './orders.ts';
import { registryServer } from './fixture/registry-server.ts';

/*
 * The example of the guide: outbox, relay, log, consumer, with the real client of a registry and a stand-in for its server.
 */
const AVRO = {
  type: 'record',
  name: 'OrderPlaced',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'cents', type: 'int' },
  ],
};
const SCHEMAS = [
  ['Avro', { schema: JSON.stringify(AVRO) }],
  [
    'Protobuf',
    {
      schemaType: 'PROTOBUF',
      schema: 'syntax = "proto3"; message OrderPlaced { string id = 1; int32 cents = 2; }',
    },
  ],
] as const;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

async function scene() {
  const registry = await registryServer();
  const inner = memoryBroker();
  const database = connect<{ bills: { id: string; cents: number } }>({
    url: await freshDatabase(inject('stack').databaseUrl, 'codec'),
  });
  closers.push(
    () => registry.close(),
    () => inner.close(),
    () => database.close(),
  );
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  await database.executor.query('create table bills (id text primary key, cents int not null)');
  const admin = await inner.admin();
  for (const name of ['orders', 'billing.failures']) await admin.createTopic({ name, partitions: 1 });
  const broker = brokerWithRegistry(inner, registry.url);
  const start = async () => {
    for (const service of [relay({ database, broker }), consumerService([billing], { database, broker })]) {
      closers.push(() => service.stop());
      await service.start();
    }
  };
  const logged = async () => {
    const found = [];
    for await (const record of admin.read('orders', 0, 0n, 100n)) found.push(record);
    return found;
  };
  return { registry, database, start, logged };
}

const place = (database: Database<{ bills: { id: string; cents: number } }>, id: string) =>
  outbox.transaction(database.db, ({ emit }) => {
    emit(orderPlaced({ id, cents: 5 }));
    return Promise.resolve();
  });
const billed = (database: Database<{ bills: { id: string; cents: number } }>, ids: readonly string[]) =>
  waitUntil(
    async () => {
      const { rows } = await database.executor.query<{ id: string }>('select id from bills order by id');
      return JSON.stringify(rows.map(({ id }) => id)) === JSON.stringify(ids);
    },
    { what: `the bills ${ids.join()}` },
  );

describe.each(SCHEMAS)('payloads as %s', (name, schema) => {
  test(`G2c: an event travels as ${name} from the outbox to a handler, and keeps its headers`, async () => {
    const { registry, database, start, logged } = await scene();
    registry.register('orders-order.placed.v1', schema);
    await place(database, 'a');
    await start();
    await billed(database, ['a']);
    const [record] = await logged();
    // The zero byte and the id of the schema; JSON begins with a brace.
    expect(record?.value?.subarray(0, 5)).toEqual(Buffer.from([0, 0, 0, 0, 1]));
    const headers = Object.fromEntries((record?.headers ?? []).map(([key, text]) => [key, text?.toString()]));
    expect(headers).toMatchObject({ ce_type: 'order.placed', 'content-type': 'application/json' });
    expect(headers['ce_pos']).toBeDefined();
  });
});

test('G2c: a schema that is missing halts the topic, and events go on when it is registered', async () => {
  const { registry, database, start, logged } = await scene();
  await place(database, 'a');
  await start();
  const halted = `select from converge.relay_topic where topic = 'orders' and held_at is not null`;
  await waitUntil(async () => (await database.executor.query(halted)).rowCount > 0, {
    what: 'the halted partition',
  });
  expect(await logged()).toEqual([]);
  registry.register('orders-order.placed.v1', SCHEMAS[0][1]);
  await billed(database, ['a']);
});

test('G2c: an outage of the registry delays events, and loses and repeats none', async () => {
  const { registry, database, start } = await scene();
  registry.register('orders-order.placed.v1', SCHEMAS[0][1]);
  registry.down = true;
  await place(database, 'a');
  await start();
  await place(database, 'b');
  registry.down = false;
  await billed(database, ['a', 'b']);
});
