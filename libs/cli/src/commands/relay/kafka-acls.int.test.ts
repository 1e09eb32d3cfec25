/**
 * The files of infra/kafka/acls, on a Kafka that refuses what is not granted. Each line is taken out once here, and what it
 * is for is refused.
 */
import { defineEvent } from '@convergekit/contracts';
import { consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import type { Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import { migratedDatabase } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import kafkajs, { type Admin, type AclEntry } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { cli } from '../../fixture/cli.ts';
import { type GuardedKafka, guardedKafka } from '../../fixture/guarded-kafka.ts';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } =
  kafkajs;
const USERS = ['relay', 'stock', 'topics'] as const;
type User = (typeof USERS)[number];

const orders = 'orders';
const lacks = (right: string, option: string) =>
  expect.stringMatching(
    new RegExp(
      `this user lacks ${right}.*\`kafka-acls\\.sh .* --operation ${right.split(' ')[0]} ${option}\``,
    ),
  ) as string;
const placed = defineEvent('shop.placed', {
  version: 1,
  topic: orders,
  key: ({ order }: { order: string }) => order,
  data: z.object({ order: z.string() }),
});

let kafka: GuardedKafka;
let door: string;
let admin: Admin;
let source: Database;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  kafka = await guardedKafka(USERS);
  door = kafka.door;
  closers.push(() => kafka.server.dispose());
  admin = new Kafka({ brokers: [kafka.server.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  closers.push(() => admin.disconnect());
  await kafka.grant('topics.sh', 'User:topics', orders, 'stock.failures');
  await kafka.grant('relay.sh', 'User:relay', orders);
  await kafka.grant('consumer.sh', 'User:stock', 'stock', orders);
  source = await opened('source');
});

afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function opened(prefix: string): Promise<Database> {
  const { database } = await migratedDatabase(
    inject('stack').databaseUrl,
    [outboxMigrations, relayMigrations, inboxMigrations],
    { prefix, max: 10 },
  );
  closers.push(() => database.close());
  return database;
}

function loginOf(user: User): Broker {
  const sasl = { mechanism: 'scram-sha-256', username: user, password: user } as const;
  const broker = kafkaBroker({ brokers: [door], clientId: user, sasl });
  closers.push(() => broker.close());
  return broker;
}

async function linesOf(user: User): Promise<readonly AclEntry[]> {
  const { resources } = await admin.describeAcls({
    principal: `User:${user}`,
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  });
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => ({ ...resource, ...acl })));
}

const nameOf = ({ operation, resourceType, resourceName }: AclEntry) => {
  const word = (names: object, value: number) => Object.entries(names).find(([, one]) => one === value)?.[0];
  return [word(AclOperationTypes, operation), word(AclResourceTypes, resourceType), resourceName].join(' ');
};

/**
 * Tries a user without each of its ACL lines for some resources; results are by line. An authorizer lists the rules
 * that it applies.
 */
async function withoutEach(
  user: User,
  resources: readonly string[],
  act: () => Promise<string>,
  recovered: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  const lines = await linesOf(user);
  const applied = (count: number) =>
    waitUntil(async () => (await linesOf(user)).length === count, { what: 'the change of ACLs' });
  for (const line of lines.filter(({ resourceName }) => resources.includes(resourceName))) {
    await admin.deleteAcls({ filters: [line] });
    await applied(lines.length - 1);
    found[nameOf(line)] = await act();
    await admin.createAcls({ acl: [line] });
    await applied(lines.length);
    await recovered();
  }
  return found;
}

it('topics are created and checked with the lines of topics.sh, and not without any of them', async () => {
  const env = {
    KAFKA_BROKERS: door,
    CONVERGE__KAFKA__SASL__MECHANISM: 'scram-sha-256',
    CONVERGE__KAFKA__SASL__USERNAME: 'topics',
    CONVERGE__KAFKA__SASL__PASSWORD: 'topics',
  };
  const use = async (...names: readonly string[]) => {
    const created = await cli(['topics', 'create', ...names, '--partitions', '1'], env);
    return created.code === 0 ? cli(['topics', 'check', ...names], env) : created;
  };
  expect(await withoutEach('topics', ['orders'], async () => (await use('orders')).stderr)).toEqual({
    'CREATE TOPIC orders': lacks('Create on topic orders', '--topic orders'),
    'DESCRIBE TOPIC orders': lacks('Describe on topic orders', '--topic orders'),
    'DESCRIBE_CONFIGS TOPIC orders': lacks('DescribeConfigs on topic orders', '--topic orders'),
  });
  expect(await use('orders', 'stock.failures')).toMatchObject({ code: 0 });
});

async function publish(event = true): Promise<string> {
  const running = relay({ database: source, broker: loginOf('relay'), standbyMs: 50, recheckMs: 50 });
  if (event)
    await source.executor.query(`select converge.emit('orders', 'o', 'shop.placed', '{"order":"o"}')`);
  await running.start();
  const seen = await waitUntil(
    () => {
      const status = running.status();
      if (status.published > 0) return 'published';
      if (!event || status.state !== 'leading') return undefined;
      return status.held.map(({ code, detail }) => `${code}: ${detail}`)[0];
    },
    { what: 'the relay to publish, or to say why not' },
  );
  await running.stop();
  return seen;
}

it('N7: a relay publishes with the lines of relay.sh, and not without any of them', async () => {
  expect(await publish()).toBe('published');
  expect(await withoutEach('relay', ['orders'], publish, () => publish(false))).toEqual({
    'READ TOPIC orders': lacks('Read on topic orders', '--topic orders'),
    'WRITE TOPIC orders': lacks('Write on topic orders', '--topic orders'),
    'DESCRIBE_CONFIGS TOPIC orders': lacks('DescribeConfigs on topic orders', '--topic orders'),
  });
  const own = await loginOf('relay').admin();
  await expect(own.createTopic({ name: 'other', partitions: 1 })).rejects.toMatchObject({
    code: 'NOT_AUTHORIZED',
  });
});

it('N7: a consumer handles with the lines of consumer.sh, and not without any of them', async () => {
  const handle = async () => {
    const handled = Promise.withResolvers<string>();
    const stock = defineConsumer('stock', { from: 'first' }).on(placed, () => {
      handled.resolve('handled');
      return Promise.resolve();
    });
    const running = consumerService([stock], { database: await opened('stock'), broker: loginOf('stock') });
    try {
      await running.start();
      return await Promise.race([handled.promise, running.done.then(() => 'stopped')]);
    } catch (error) {
      return String(error);
    } finally {
      await running.stop().catch(() => undefined);
    }
  };
  expect(await handle()).toBe('handled');
  expect(await withoutEach('stock', ['orders', 'stock', 'stock.failures'], handle)).toEqual({
    'READ GROUP stock': lacks('Read on group stock', '--group stock'),
    'DESCRIBE TOPIC stock.failures': lacks('Describe on topic stock.failures', '--topic stock.failures'),
    'DESCRIBE_CONFIGS TOPIC stock.failures': lacks(
      'DescribeConfigs on topic stock.failures',
      '--topic stock.failures',
    ),
    'READ TOPIC orders': lacks('Describe on topic orders', '--topic orders'),
    'DESCRIBE_CONFIGS TOPIC orders': lacks('DescribeConfigs on topic orders', '--topic orders'),
  });
  const producer = await loginOf('stock').producer();
  const record = { key: null, value: '{}', headers: [], timestampMs: 0 };
  for (const topic of ['orders', 'stock.failures'])
    expect(await producer.send([{ topic, partition: 0, records: [record] }])).toMatchObject([
      { ok: false, error: { code: 'NOT_AUTHORIZED' } },
    ]);
});

it('a relay and a consumer at work whose rights are taken away wait, and go on by themselves when they have them again', async () => {
  const handled: string[] = [];
  const stock = defineConsumer('stock', { from: 'first' }).on(placed, ({ data }) => {
    handled.push(data.order);
    return Promise.resolve();
  });
  const sends = relay({ database: source, broker: loginOf('relay'), standbyMs: 50, recheckMs: 50 });
  const reads = consumerService([stock], { database: await opened('stock'), broker: loginOf('stock') });
  closers.push(() => Promise.all([sends.stop(), reads.stop().catch(() => undefined)]));
  const emit = (order: string) =>
    source.executor.query(`select converge.emit('orders', 'o', 'shop.placed', $1)`, [
      JSON.stringify({ order }),
    ]);
  const until = (order: string) =>
    Promise.race([
      waitUntil(() => handled.includes(order), { what: `${order} to be handled` }),
      reads.done.then(() => Promise.reject(new Error('the consumer ended'))),
    ]);
  await admin.createTopics({ topics: [{ topic: orders }, { topic: 'stock.failures' }] });
  await sends.start();
  await reads.start();
  await emit('before');
  await until('before');
  const lines = [...(await linesOf('relay')), ...(await linesOf('stock'))];
  await admin.deleteAcls({ filters: lines });
  await emit('meanwhile');
  const held = () => {
    const status = sends.status();
    return status.state === 'leading' ? status.held.map(({ code }) => code) : [];
  };
  await waitUntil(() => held().includes('NOT_AUTHORIZED'), { what: 'the relay to say what it lacks' });
  await admin.createAcls({ acl: lines });
  await until('meanwhile');
  expect(handled.filter((order) => order !== 'o')).toEqual(['before', 'meanwhile']);
});
