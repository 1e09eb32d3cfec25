import { kafkaBroker } from '@convergekit/kafka';
import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, inject, test } from 'vitest';
import { recordAcceptance, requestAcceptance } from './accept-sql.ts';
import { readTopic } from './topic-sql.ts';
import { acceptRecreatedTopic } from './forget-sql.ts';
import { hookedBroker, writeBut } from '../fixture/hooked-broker.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import {
  actsIn,
  closeAfterEach,
  closing,
  heldCodes,
  onClose,
  started,
  withDatabase,
} from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Code that was removed once, and a test here failed:
 * - draining with the old count before the new one is recorded: events come twice, in two partitions;
 * - waiting for the drain in the statement that records (`held_at > drain_to`): it records while events are on their way;
 * - the row in the audit of operators.
 */

closeAfterEach();

const by = { by: 'ada', reason: 'a drill' };

async function addPartitions(topic: string, count: number): Promise<void> {
  const kafka = new Kafka({ brokers: inject('stack').brokers.split(','), logLevel: logLevel.NOTHING });
  const operator = kafka.admin();
  await operator.connect();
  onClose(() => operator.disconnect());
  await operator.createPartitions({ topicPartitions: [{ topic, count }] });
}

describe('a topic that got more partitions', () => {
  test('G5m: a topic that got more partitions is drained with the old count, continues with the new one when it is on record, and nothing is sent twice', async () => {
    const { database } = await withDatabase();
    const brokers = inject('stack').brokers.split(',');
    const broker = closing(kafkaBroker({ brokers, clientId: 'relay-accept' }));
    const topic = await createTopic(broker, topicName(), 2);
    const stuck = { partition: -1 };
    const sometimesStuck = hookedBroker(broker, {
      send: (batches, write) =>
        writeBut(batches, write, ({ partition }) => partition === stuck.partition, 'NOT_LEADER'),
    });
    const options = {
      database,
      broker: sometimesStuck,
      recheckMs: 20,
      verifyMs: 20,
      readAheadEvents: 600,
      pageRows: 200,
    };
    const service = await started(options);
    const writing = { now: true };
    const writer = (async () => {
      for (; writing.now; await systemClock.sleep(20)) await writeMany(database, topic, 300);
    })();
    await waitUntil(() => service.status().published > 2_000, { what: 'events in the old partitions' });
    // Windows of which one partition is written and the other is not.
    stuck.partition = 1;
    const { published } = service.status();
    await waitUntil(() => service.status().published > published + 300, {
      what: 'one partition to be ahead',
    });
    await addPartitions(topic, 5);
    await waitUntil(() => heldCodes(service)[0] === 'PARTITION_COUNT_CHANGED', { what: 'the halt' });
    stuck.partition = -1;
    const { executor } = database;
    await waitUntil(async () => (await readTopic(executor, topic))?.heldAt !== undefined, {
      what: 'the hold to be written',
    });
    expect(await recordAcceptance(executor, topic, 5, by)).toBe(false);
    expect(await requestAcceptance(executor, topic, 5)).toBe(true);
    expect(await recordAcceptance(executor, topic, 5, by)).toBe(false);
    const drained = await waitUntil(
      async () => {
        const found = await readTopic(executor, topic);
        return found?.drainTo !== undefined && (found.heldAt ?? 0n) > found.drainTo ? found : undefined;
      },
      { what: 'the topic to be drained' },
    );
    // The topic waits there, whichever relay leads.
    await service.stop();
    const second = await started(options);
    await waitUntil(() => heldCodes(second)[0] === 'PARTITION_COUNT_CHANGED', {
      what: 'the hold to be found',
    });
    expect(new Set((await readLog(broker, topic)).map(({ partition }) => partition))).toEqual(
      new Set([0, 1]),
    );
    expect(await actsIn(database)).toEqual([]);
    expect(await recordAcceptance(executor, topic, 5, by)).toBe(true);
    const act = { act: 'topics accept', subject: topic, by: 'ada', reason: 'a drill' };
    expect(await actsIn(database)).toEqual([{ ...act, before: { partitions: 2 }, after: { partitions: 5 } }]);
    await waitUntil(() => heldCodes(second).length === 0, { what: 'the topic to flow again' });
    writing.now = false;
    await writer;
    await untilDrained(database);
    const log = await readLog(broker, topic);
    expect(new Set(log.map(({ partition }) => partition)).size).toBe(5);
    const boundary = drained.drainTo ?? 0n;
    for (const { position, partition } of log)
      if (partition > 1) expect(BigInt(position.split('.')[1] ?? 0)).toBeGreaterThan(boundary);
    // Order is per key across the change: first the drained events, then later ones, as a consumer that waited reads
    // them.
    const tickOf = (position: string) => BigInt(position.split('.')[1] ?? 0);
    const asRead = [
      ...log.filter(({ position }) => tickOf(position) <= boundary),
      ...log.filter(({ position }) => tickOf(position) > boundary),
    ];
    expect(await checkLog(executor, topic, asRead)).toMatchObject({ ...faultless, changedRepeats: 0 });
    expect(await readTopic(executor, topic)).toMatchObject({
      partitions: 5,
      wanted: undefined,
      heldAt: undefined,
    });
  });

  test('a topic that got more partitions and lost them again discards the acceptance', async () => {
    const { database } = await withDatabase();
    const brokers = inject('stack').brokers.split(',');
    const broker = closing(kafkaBroker({ brokers, clientId: 'relay-accept' }));
    const topic = await createTopic(broker, topicName(), 2);
    const service = await started({ database, broker, recheckMs: 20, verifyMs: 20 });
    await writeMany(database, topic, 300);
    await untilDrained(database);
    await addPartitions(topic, 3);
    await waitUntil(() => requestAcceptance(database.executor, topic, 3), { what: 'the hold to be written' });
    const admin = await broker.admin();
    await admin.deleteTopic(topic);
    await admin.createTopic({ name: topic, partitions: 2 });
    await waitUntil(() => acceptRecreatedTopic(database.executor, topic, by), {
      what: 'the new log to be noticed',
    });
    await waitUntil(() => heldCodes(service).length === 0, { what: 'the topic to flow again' });
    expect(await readTopic(database.executor, topic)).toMatchObject({ partitions: 2, wanted: undefined });
  });
});
