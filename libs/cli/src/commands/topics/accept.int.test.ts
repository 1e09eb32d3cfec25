/**
 * Code that was removed once, and a test here failed: the wait for the groups (as with --force): a key's later event is read first.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingBatch } from '@convergekit/broker/engine';
import { kafkaBroker } from '@convergekit/kafka';
import type { Database } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { migratedDatabase } from '@convergekit/testing/engine';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { cli, startedCli, stopLeftovers } from '../../fixture/cli.ts';
import { allMigrations } from '../../../../operate/src/all-migrations.ts';
import { recordsOf } from '../../fixture/topic-records.ts';

const brokers = inject('stack').brokers;
let database: Database;
let topic: string;
let env: Record<string, string>;

beforeEach(async () => {
  topic = `cli.accept.${randomBytes(4).toString('hex')}`;
  const made = await migratedDatabase(inject('stack').databaseUrl, allMigrations, { prefix: 'cli' });
  database = made.database;
  env = { DATABASE_URL: made.url, KAFKA_BROKERS: brokers };
  expect(await cli(['topics', 'create', topic, '--partitions', '2'], env)).toMatchObject({ code: 0 });
});
afterEach(async () => {
  await stopLeftovers();
  await database.close();
});

async function emit(from: number, to: number): Promise<void> {
  await database.executor.query(
    `select converge.emit($1, 'k' || n % 20, 'cli.thing', '{"n":' || n || '}', '{}') from generate_series($2::int, $3::int) n`,
    [topic, from, to],
  );
}

async function addPartitions(count: number): Promise<void> {
  const operator = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING }).admin();
  await operator.connect();
  await operator.createPartitions({ topicPartitions: [{ topic, count }] });
  await operator.disconnect();
}

/** The command that the halt of the topic advises, with the group filled in. */
async function advised(group: string): Promise<readonly string[]> {
  let reason = '';
  await waitUntil(
    async () => {
      const { rows } = await database.executor.query<{ held_reason: string | null }>(
        'select held_reason from converge.relay_topic',
      );
      reason = rows[0]?.held_reason ?? '';
      return reason !== '';
    },
    { what: 'the halt of the topic' },
  );
  const command = /`converge ([^`]+)`/.exec(reason)?.[1] ?? '';
  return command
    .replace(/<[^>]+>/, group)
    .replaceAll('"', '')
    .split(' ');
}

/** A group that reads nothing until its gate opens, and then notes what it reads. */
async function laggingGroup(groupId: string) {
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'lagging' });
  const gate = Promise.withResolvers<undefined>();
  const read: { readonly key: string; readonly n: number }[] = [];
  const note = ({ records }: IncomingBatch): void => {
    for (const { key, value } of records)
      read.push({
        key: key?.toString() ?? '',
        n: (JSON.parse(value?.toString() ?? '{}') as { n: number }).n,
      });
  };
  const consumer = broker.consumer({
    groupId,
    topics: [topic],
    handlers: {
      assigned: (partitions) =>
        Promise.resolve(
          new Map(partitions.map((at) => [`${at.topic}/${at.partition}`, 'committed' as const])),
        ),
      batch: async (batch, control) => {
        // The partitions that are new are free: only what was there before is read late.
        if (batch.partition < 2) await gate.promise;
        if (control.signal.aborted) return;
        note(batch);
        await control.commit((batch.records.at(-1)?.offset ?? 0n) + 1n).catch(() => undefined);
      },
      revoked: () => undefined,
    },
  });
  await consumer.start();
  return {
    read,
    open: () => gate.resolve(undefined),
    close: () => consumer.stop().then(() => broker.close()),
  };
}

describe('converge topics accept', () => {
  it('`converge topics accept`, as the halt advises it, continues a topic with more partitions in the order of its keys, once a lagging group has read the old ones', async () => {
    const relay = startedCli(['relay'], env);
    const group = await laggingGroup(`g.${topic}`);
    await emit(1, 200);
    await waitUntil(async () => (await recordsOf(brokers, topic)).length === 200, {
      what: 'the first events',
    });
    await addPartitions(5);
    const accepting = ['topics', 'accept', topic, '--reason', 'more room'];
    expect(await cli([...accepting, '--yes'], env)).toMatchObject({ code: 2 });
    const accept = startedCli([...(await advised(`g.${topic}`)), '--yes'], env);
    await waitUntil(() => accept.stderr().includes(`waiting for g.${topic} to read`), {
      what: 'the command to wait for the group',
    });
    await emit(201, 400);
    const { rows } = await database.executor.query('select partitions, held_at from converge.relay_topic');
    expect(rows).toMatchObject([{ partitions: 2 }]);
    expect(await recordsOf(brokers, topic)).toHaveLength(200);
    group.open();
    expect(await accept.ended).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('continues with 5 partitions') as string,
    });
    await waitUntil(() => group.read.length >= 400, { what: 'all events to be read' });
    const last = new Map<string, number>();
    for (const { key, n } of group.read) {
      expect(n).toBeGreaterThan(last.get(key) ?? 0);
      last.set(key, n);
    }
    expect(new Set((await recordsOf(brokers, topic)).map(({ partition }) => partition)).size).toBe(5);
    const again = await cli([...accepting, '--group', `g.${topic}`, '--json'], env);
    expect(JSON.parse(again.stdout)).toEqual({ topic, changed: false });
    expect(await relay.stop()).toMatchObject({ code: 0 });
    await group.close();
  });
});
