/** Code that was removed once, and a test here failed: the refusal to forget a topic that exists (its events are lost). */
import { randomBytes } from 'node:crypto';
import type { Admin, Broker } from '@convergekit/broker';
import { kafkaBroker } from '@convergekit/kafka';
import { connect, type Database } from '@convergekit/postgres';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, it } from 'vitest';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { headerOf, recordsOf } from '../../fixture/topic-records.ts';

const brokers = inject('stack').brokers;
let database: Database;
let topic: string;
let env: Record<string, string>;

beforeAll(async () => {
  const url = await freshDatabase(inject('stack').databaseUrl, 'cli');
  database = connect({ url });
  env = { DATABASE_URL: url, KAFKA_BROKERS: brokers };
  expect(await cli(['migrate'], env)).toMatchObject({ code: 0 });
});
beforeEach(async () => {
  topic = `cli.forget.${randomBytes(4).toString('hex')}`;
  expect(await cli(['topics', 'create', topic, '--partitions', '1'], env)).toMatchObject({ code: 0 });
});
afterEach(stopLeftovers);
afterAll(() => database.close());

const emit = (n: number) =>
  database.executor.query(`select converge.emit($1, 'k', 'cli.thing', '{"n":' || $2::int || '}', '{}')`, [
    topic,
    n,
  ]);

async function withAdmin(): Promise<{ readonly admin: Admin; readonly broker: Broker }> {
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'the-test' });
  return { broker, admin: await broker.admin() };
}

async function heldFor(code: string): Promise<void> {
  const said = async (): Promise<string> => {
    const forget = ['topics', 'forget', topic, '--reason', 'a look', '--dry-run', '--json'];
    const { stdout, stderr } = await cli(forget, env);
    return `${stdout}${stderr}`;
  };
  await waitUntil(async () => (await said()).includes(`${code}:`), {
    what: `the topic to be held for ${code}`,
  });
}

it('G5i: a topic that was deleted for good is forgotten with a reason, and one that exists is not', async () => {
  const relay = startedCli(['relay'], env);
  await emit(1);
  await waitUntil(async () => (await recordsOf(brokers, topic)).length === 1, { what: 'the first event' });
  const forget = ['topics', 'forget', topic, '--reason', 'the service is gone'];
  expect(await cli([...forget, '--yes'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not hold') as string,
  });
  const { broker, admin } = await withAdmin();
  await admin.deleteTopic(topic);
  await emit(2);
  await heldFor('TOPIC_UNKNOWN');
  const dry = await cli([...forget, '--dry-run', '--json'], env);
  expect(JSON.parse(dry.stdout)).toMatchObject({ topic, unsent: 1, dryRun: true });
  expect(await cli(forget, env)).toMatchObject({ code: 2 });
  expect(await cli([...forget, '--yes'], env)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('1 of its events are given up') as string,
  });
  expect(await cli([...forget, '--yes'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('does not hold') as string,
  });
  expect(await relay.stop()).toMatchObject({ code: 0 });
  await admin.close();
  await broker.close();
});

it('a topic that was created again continues in its new log when an operator accepts that', async () => {
  const relay = startedCli(['relay'], env);
  await emit(1);
  await waitUntil(async () => (await recordsOf(brokers, topic)).length === 1, { what: 'the first event' });
  const { broker, admin } = await withAdmin();
  await admin.deleteTopic(topic);
  await admin.createTopic({ name: topic, partitions: 1 });
  await emit(2);
  await heldFor('TOPIC_RECREATED');
  const accept = ['topics', 'accept', topic, '--made-again', '--yes'];
  expect(await cli(accept, env)).toMatchObject({ code: 2 });
  expect(await cli(['topics', 'forget', topic, '--reason', 'a slip', '--yes'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('exists at the broker') as string,
  });
  expect(await cli([...accept, '--reason', 'a drill'], env)).toMatchObject({ code: 0 });
  await waitUntil(async () => (await recordsOf(brokers, topic)).some(({ value }) => value?.includes('2')), {
    what: 'the event behind',
  });
  expect(await relay.stop()).toMatchObject({ code: 0 });
  await admin.close();
  await broker.close();
});

it('a record that another writer forged can be disowned, and a record of the source cannot', async () => {
  const relay = startedCli(['relay'], env);
  await emit(1);
  await waitUntil(async () => (await recordsOf(brokers, topic)).length === 1, { what: 'the first event' });
  expect(await relay.stop()).toMatchObject({ code: 0 });
  const [first] = await recordsOf(brokers, topic);
  const { broker, admin } = await withAdmin();
  const producer = await broker.producer();
  const sourceId = first === undefined ? '' : (headerOf(first, 'ce_sourceid') ?? '');
  await producer.send([
    {
      topic,
      partition: 0,
      records: [
        {
          key: 'k',
          value: '{}',
          timestampMs: 0,
          headers: [
            ['ce_sourceid', sourceId],
            ['ce_pos', '1.1000.1.0123456789abcdef'],
          ],
        },
      ],
    },
  ]);
  expect(await cli(['source', 'show'], env)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('database_went_back') as string,
  });
  const disown = (offset: string) =>
    cli(['source', 'disown', topic, '0', offset, '--reason', 'their audit', '--yes'], env);
  expect(await disown('0')).toMatchObject({ code: 78 });
  expect(await disown('1')).toMatchObject({ code: 0 });
  expect(await cli(['source', 'show'], env)).toMatchObject({ code: 0 });
  await producer.close();
  await admin.close();
  await broker.close();
});
