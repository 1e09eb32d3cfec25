import { Kafka, logLevel } from 'kafkajs';
import { kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { consumerService } from '../service/consumer-service.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { makeTopics, tag } from '../testing/quick.ts';

// Seen to fail: the new partition had no row, and the member read none of its partitions until it was started again.
it('a running consumer reads the partitions that its topic gains from their first record, and its others as before', async () => {
  const brokers = inject('stack').brokers.split(',');
  const broker = kafkaBroker({ brokers, clientId: 'added-test' });
  const { database } = await ledgerDatabase(inject('stack').databaseUrl);
  const [name, topic] = [`stock-${tag()}`, `orders-${tag()}`];
  await makeTopics(broker, [topic, `${name}.failures`], 1);
  const { counted } = testEvents(topic);
  const consumer = defineConsumer<LedgerDb>({ name, from: 'now' }).on(counted, (event, { tx }) =>
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
