import { Kafka, logLevel } from 'kafkajs';
import { kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { defineConsumer } from '../define/define-consumer.ts';
import { FixtureSource } from '../testing/fixture-source.ts';
import { type LedgerDb, ledgerDatabase, lines, note, testEvents } from '../fixture/ledger.ts';
import { makeTopics, tag } from '../testing/quick.ts';
import { resumePartition } from '../operate/resume.ts';
import { consumerService } from '../service/consumer-service.ts';

/**
 * Tests of truncated and recreated topics on the real Kafka. Planted fault: `checkRow` without the topic's id names the
 * wrong reason, and the way on does not fit.
 */

async function scene() {
  const brokers = inject('stack').brokers.split(',');
  const broker = kafkaBroker({ brokers, clientId: 'recreated-test' });
  const { database } = await ledgerDatabase(inject('stack').databaseUrl);
  const name = `stock-${tag()}`;
  const [again, other] = [`again-${tag()}`, `other-${tag()}`];
  await makeTopics(broker, [again, other, `${name}.failures`], 1);
  const admin = await broker.admin();
  const events = { again: testEvents(again), other: testEvents(other) };
  const consumer = defineConsumer<LedgerDb>(name, { from: 'first' })
    .on(events.again.counted, (event, { tx }) => note(tx, event))
    .on(events.other.counted, { name: 'other' }, (event, { tx }) => note(tx, event));
  let service = consumerService([consumer], { database, broker, watchMs: 50 });
  const restart = async () => {
    await service.stop();
    service = consumerService([consumer], { database, broker, watchMs: 50 });
    await service.start();
  };
  onTestFinished(async () => {
    await service.stop();
    await broker.close();
    await database.close();
  });
  await service.start();
  const source = new FixtureSource({ partitions: 1 });
  let sent = 0;
  const handled = async () => (await lines(database)).map(({ n }) => n);
  return {
    restart,
    stop: () => service.stop(),
    partitions: () => service.status()[0]!.partitions,
    handled,
    /** Sends one event and waits until all that was sent is handled. */
    handles: async (topic: 'again' | 'other') => {
      await source.publish(broker, [events[topic].counted({ key: topic, n: (sent += 1) })]);
      await waitUntil(async () => (await handled()).includes(sent), { what: `event ${sent} of ${topic}` });
      expect(await handled()).toEqual(Array.from({ length: sent }, (_, at) => at + 1));
    },
    recreate: async () => {
      await admin.deleteTopic(again);
      await makeTopics(broker, [again], 1);
    },
    halted: () =>
      waitUntil(() => service.status()[0]!.partitions.find(({ state }) => state === 'halted'), {
        what: 'the halt',
      }),
    resume: () =>
      resumePartition(
        database,
        admin,
        { consumer: name, topic: again, partition: 0 },
        { by: 'ann', reason: 'made again', fromEarliest: true },
      ),
    /** The offset of the group in Kafka. */
    committed: async () => (await admin.committed(name, again)).get(0),
    deleteGroup: async () => {
      const operator = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
      await operator.connect();
      await operator.deleteGroups([name]);
      await operator.disconnect();
    },
  };
}

it('G4a: a deleted group continues from the database, and a recreated topic halts by name', async () => {
  const shop = await scene();
  await shop.handles('again');
  await shop.handles('other');
  await shop.stop();
  await shop.deleteGroup();
  expect(await shop.committed()).toBeUndefined();
  await shop.restart();
  // Planted fault: a position is committed when it moves. No event moves one of a topic that `topics accept` holds for this group.
  await waitUntil(async () => (await shop.committed()) === 1n, { what: 'the position in Kafka, for tools' });
  await shop.handles('again');
  await shop.handles('other');
  // No record came a second time, not even to be dropped.
  expect(shop.partitions().map(({ counts }) => [counts.handled, counts.duplicates])).toEqual([
    [1, 0],
    [1, 0],
  ]);

  await shop.recreate();
  expect(await shop.halted()).toMatchObject({
    code: 'topic_recreated',
    reason: expect.stringContaining('--from earliest') as string,
  });
  await shop.handles('other');
  await shop.resume();
  // The event names the last event of the old topic as predecessor: nothing is missing.
  await shop.handles('again');

  await shop.stop();
  await shop.recreate();
  await shop.restart();
  expect(await shop.halted()).toMatchObject({ code: 'topic_recreated' });
  await shop.handles('other');
});
