import { defineEvent, failureTopic } from '@convergekit/contracts';
import { type Service, systemClock } from '@convergekit/core';
import type { Admin, Broker } from '@convergekit/broker';
import { consumerService, defineConsumer, inboxMigrations } from '@convergekit/inbox';
import { readPartitions, resumePartition } from '@convergekit/inbox/operate';
import { kafkaBroker } from '@convergekit/kafka';
import { localBroker } from '@convergekit/local';
import { exportLog } from '@convergekit/local/choose';
import { createOutbox, outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { relay, relayMigrations } from '@convergekit/relay';
import { rebaseSource } from '@convergekit/relay/operate';
import { freshDatabase, waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { z } from 'zod';

const PARTITIONS = 3;
const tag = Math.random().toString(36).slice(2, 10);
const topic = `moved.${tag}`;
const moved = defineEvent({
  type: 'moved.counted',
  version: 1,
  topic,
  key: ({ key }) => key,
  data: z.object({ key: z.string(), n: z.int() }),
});
const outbox = createOutbox([moved]);
const consumer = defineConsumer<Ledger>({ name: `mover-${tag}`, from: 'beginning' }).on(
  moved,
  async ({ data }, { tx }) => {
    await tx.insertInto('seen').values(data).execute();
  },
);

interface Ledger {
  seen: { key: string; n: number };
}

async function databaseOf<DB>(sql?: string): Promise<Database<DB>> {
  const database = connect<DB>({ url: await freshDatabase(inject('stack').databaseUrl, 'moved') });
  onTestFinished(() => database.close());
  await migrate(database, [outboxMigrations, relayMigrations, inboxMigrations]);
  if (sql !== undefined) await database.executor.query(sql);
  return database;
}

async function started(...services: readonly Service[]): Promise<readonly Service[]> {
  for (const service of services) await service.start();
  return services;
}

const stopped = async (services: readonly Service[]): Promise<void> => {
  for (const service of services) await service.stop();
};

async function lengthOf(admin: Admin, name: string): Promise<number> {
  return (await admin.logEnds(name)).reduce((sum, { latest }) => sum + Number(latest), 0);
}

// Planted fault: an export that leaves out every fifth batch. The effects behind the gap had not come after 150 s.
it('services move from the local log to Kafka under load, and each event takes effect once, in the order of its key', async () => {
  const { brokers, databaseUrl } = inject('stack');
  const log = await freshDatabase(databaseUrl, 'log');
  const local = localBroker({ url: log, clientId: 'mover' });
  const kafka = kafkaBroker({ brokers: brokers.split(','), clientId: 'mover' });
  onTestFinished(async () => {
    await Promise.all([local.close(), kafka.close()]);
  });
  const source = await databaseOf<Record<string, never>>();
  const sink = await databaseOf<Ledger>(
    'create table seen (at bigint generated always as identity primary key, key text, n int, unique (key, n))',
  );
  const admin = await local.admin();
  for (const name of [topic, failureTopic(consumer.name)])
    await admin.createTopic({ name, partitions: PARTITIONS });
  const counts = new Map<string, number>();
  const over = new AbortController();
  const load = (async () => {
    for (let round = 0; !over.signal.aborted; round += 1) {
      await outbox.transaction(source.db, ({ emit }) => {
        for (let at = 0; at < 5; at += 1) {
          const key = `k${(round * 5 + at) % 17}`;
          const n = counts.get(key) ?? 0;
          counts.set(key, n + 1);
          emit(moved({ key, n }));
        }
        return Promise.resolve();
      });
      await systemClock.sleep(5);
    }
  })();
  const seen = async (): Promise<number> =>
    Number((await sink.executor.query<{ n: string }>('select count(*) as n from seen')).rows[0]?.n);
  const run = (broker: Broker): Promise<readonly Service[]> =>
    started(
      relay({ database: source, broker }),
      consumerService([consumer], { database: sink, broker }),
      relay({ database: sink, broker }),
    );

  const before = await run(local);
  await waitUntil(async () => (await seen()) > 300, { what: 'effects on the local log' });
  const [publishing, consuming, answering] = before;
  if (publishing === undefined || consuming === undefined || answering === undefined)
    throw new Error('unreachable');
  await stopped([consuming]);
  // What the log holds beyond the consumer: only the copy can bring it to Kafka.
  const behind = await lengthOf(admin, topic);
  await waitUntil(async () => (await lengthOf(admin, topic)) > behind + 300, {
    what: 'a log ahead of its consumer',
  });
  await stopped([publishing, answering]);

  const [copied] = (
    await exportLog({ url: log, target: kafka, topics: [topic, failureTopic(consumer.name)] })
  ).toSorted((one, other) => other.records - one.records);
  expect(copied).toMatchObject({ topic, partitions: PARTITIONS });
  expect(copied?.records).toBeGreaterThan(300);
  await expect(exportLog({ url: log, target: kafka, topics: [topic] })).rejects.toMatchObject({
    code: 'EXPORT_TARGET_NOT_EMPTY',
  });
  for (const database of [source, sink])
    await rebaseSource({ operator: 'ada', database, broker: kafka, reason: 'moved to Kafka' });

  const after = await run(kafka);
  const kafkaAdmin = await kafka.admin();
  const halted = await waitUntil(
    async () => {
      const rows = (await readPartitions(sink.executor, consumer.name)).filter(
        (row) => row.halted !== undefined,
      );
      return rows.length === PARTITIONS ? rows : undefined;
    },
    { what: 'every partition to wait for the decision where to begin' },
  );
  expect(halted.map((row) => row.halted?.code)).toEqual(Array(PARTITIONS).fill('topic_recreated'));
  for (const row of halted)
    await resumePartition(
      sink,
      kafkaAdmin,
      { consumer: consumer.name, topic: row.topic, partition: row.partition },
      { by: 'test', reason: 'moved to Kafka', pass: false, fromEarliest: true },
    );
  const moving = await seen();
  await waitUntil(async () => (await seen()) > moving + 300, { what: 'effects on Kafka' });
  over.abort();
  await load;
  const emitted = [...counts.values()].reduce((sum, count) => sum + count, 0);
  await waitUntil(async () => (await seen()) >= emitted, { what: 'every effect' });
  await stopped(after);
  const { rows } = await sink.executor.query<{ key: string; n: number }>(
    'select key, n from seen order by at',
  );
  expect(rows).toHaveLength(emitted);
  for (const [key, count] of counts)
    expect(rows.filter((row) => row.key === key).map(({ n }) => n)).toEqual(
      Array.from({ length: count }, (_, n) => n),
    );
  const gaps = await sink.executor.query('select from converge.parked');
  expect(gaps.rowCount).toBe(0);
});
