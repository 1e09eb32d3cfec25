import { memoryBroker } from '@convergekit/broker/testing';
import { Kafka, logLevel } from 'kafkajs';
import { kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { type ConsumerDefinition, defineConsumer } from '../define/define-consumer.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { consumerService } from '../service/consumer-service.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { describeTopics, register } from './register.ts';

// Seen to fail: the new partition had no row, and the member read none of its partitions until it was started again.
it('a running consumer reads the partitions that its topic gains from their first record, and its others as before', async () => {
  const brokers = inject('stack').brokers.split(',');
  const broker = kafkaBroker({ brokers, clientId: 'added-test' });
  const { database } = await ledgerDatabase(inject('stack').databaseUrl);
  const [name, topic] = [`stock-${tag()}`, `orders-${tag()}`];
  await makeTopics(broker, [topic, `${name}.failures`], 1);
  const { counted } = testEvents(topic);
  const consumer = defineConsumer<LedgerDb>(name, { from: 'latest' }).on(counted, (event, { tx }) =>
    note(tx, event),
  );
  const service = consumerService([consumer], { database, broker });
  onTestFinished(async () => {
    await service.stop();
    await broker.close();
    await database.close();
  });
  await service.start();
  const handled = async () => (await lines(database)).map(({ n }) => n).toSorted((a, b) => a - b);
  const before = new FixtureSource({ partitions: 1, name: 'before' });
  await before.publish(broker, [counted({ key: 'k', n: 0 })]);
  await waitUntil(async () => (await handled()).length === 1, { what: 'the event before' });
  const operator = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await operator.connect();
  await operator.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  await operator.disconnect();
  const after = new FixtureSource({ partitions: 3, name: 'after' });
  const events = Array.from({ length: 30 }, (_, at) => counted({ key: `k${at}`, n: at + 1 }));
  await after.publish(broker, events);
  await waitUntil(async () => (await handled()).length === 31, { what: 'the events of all partitions' });
  expect(await handled()).toEqual(Array.from({ length: 31 }, (_, at) => at));
});

// Planted faults: `latest` for a partition that a known topic gained loses its first events; a start that registers nothing new leaves a
// new topic to its assignment, which begins at its first record.
it('a start begins in the partitions that a known topic gained at their first record, and in a new topic where it is declared', async () => {
  const broker = memoryBroker();
  const { database } = await ledgerDatabase(inject('stack').databaseUrl);
  onTestFinished(async () => {
    await broker.close();
    await database.close();
  });
  const [name, known, added] = [`stock-${tag()}`, `a-${tag()}`, `b-${tag()}`];
  await makeTopics(broker, [known, added, `${name}.failures`], 2);
  let consumer: ConsumerDefinition<LedgerDb> = defineConsumer(name, {
    from: { [known]: 'latest', [added]: 'latest' },
  });
  for (const topic of [known, added]) {
    const { counted } = testEvents(topic);
    consumer = consumer.on(counted, { name: topic }, () => undefined);
    const events = Array.from({ length: 20 }, (_, n) => counted({ key: `k${n}`, n }));
    await new FixtureSource({ partitions: 2 }).publish(broker, events);
  }
  const { executor } = database;
  await executor.query('insert into converge.inbox_consumer (name) values ($1)', [name]);
  await executor.query(
    `insert into converge.inbox_partition (consumer, topic, partition, start_offset, next_offset) values ($1, $2, 0, 5, 5)`,
    [name, known],
  );
  const admin = await broker.admin();
  const topics = await describeTopics(admin, [consumer]);
  await register(consumer, topics, admin, { database, keepForeignMs: 60_000 }, new AbortController().signal);
  const { rows } = await executor.query<{ at: string }>(
    `select topic || '/' || partition || ' ' || next_offset as at from converge.inbox_partition order by topic, partition`,
  );
  const ends = (await admin.logEnds(added)).map(({ partition, latest }) => `${added}/${partition} ${latest}`);
  expect(ends.every((end) => !end.endsWith(' 0'))).toBe(true);
  expect(rows.map(({ at }) => at)).toEqual([`${known}/0 5`, `${known}/1 0`, ...ends]);
});
