import { setImmediate as turn } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { Kit, record, records } from '@convergekit/broker/contract';
import { waitUntil } from '@convergekit/testing';
import { type Connect, drivers } from '../fixture/drivers.ts';
import { kafkaBroker } from '../kafka-broker.ts';

const brokers = (): string[] => inject('stack').brokers.split(',');

function kit(connect: Connect): Kit {
  return new Kit({
    connect: () => connect({ brokers: brokers(), clientId: 'quiet' }),
    sessionTimeoutMs: 6_000,
    network: () => Promise.reject(new Error('not used here')),
  });
}

describe.each(drivers)('the %s driver', (_, connect) => {
  it('a client causes no process warning and writes nothing to the console, even when the broker refuses', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const written = [
      vi.spyOn(process.stdout, 'write'),
      vi.spyOn(process.stderr, 'write'),
      vi.spyOn(console, 'log'),
    ];
    onTestFinished(() => {
      process.off('warning', onWarning);
      vi.restoreAllMocks();
    });
    const own = kit(connect);
    const topic = await own.topic(2, { 'max.message.bytes': '1000' });
    const member = await own.member({ groupId: own.group(), topics: [topic] }).start();
    for (let round = 0; round < 20; round += 1) await own.write(topic, round % 2, records(3));
    const [tooLarge] = await (
      await own.producer()
    ).send([{ topic, partition: 0, records: [record('x'.repeat(2_000))] }]);
    expect(tooLarge?.ok).toBe(false);
    await (await own.admin()).createTopic({ name: topic, partitions: 1 });
    await waitUntil(() => member.seen.length === 60, { what: 'the records' });
    await member.consumer.stop();
    // Warnings are emitted on a later turn.
    await turn();
    expect(warnings).toEqual([]);
    expect(written.flatMap(({ mock }) => mock.calls)).toEqual([]);
  });

  it('a group is assigned the partitions that its topic gains', async () => {
    const own = kit(connect);
    const topic = await own.topic(1);
    const member = await own
      .member({ groupId: own.group(), topics: [topic], startAt: () => 'committed' })
      .start();
    await waitUntil(() => member.owned.size === 1, { what: 'the partition' });
    const operator = new Kafka({ brokers: brokers(), logLevel: logLevel.NOTHING }).admin();
    await operator.connect();
    await operator.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    await operator.disconnect();
    await waitUntil(() => member.owned.size === 3, { what: 'all three' });
    await own.write(topic, 2, records(2));
    await waitUntil(() => member.seen.length === 2, { what: 'the records' });
    expect(member.broken).toEqual([]);
  });
});

it('messages of kafkajs reach the log at the level trace only', async () => {
  const lines: string[] = [];
  const broker = kafkaBroker({
    brokers: ['127.0.0.1:1'],
    clientId: 'quiet',
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  await expect(broker.admin()).rejects.toMatchObject({ code: 'BROKER_UNREACHABLE' });
  expect(lines.some((line) => line.startsWith('trace Connection error'))).toBe(true);
});
