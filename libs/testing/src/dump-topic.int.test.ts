import { kafkaBroker } from '@convergekit/kafka';
import { expect, inject, it } from 'vitest';
import { dumpTopic } from './dump-topic.ts';
import { freshTopic } from './fresh-topic.ts';

it('gives every record of every partition, in order, with key, headers and value', async () => {
  const { brokers } = inject('stack');
  const topic = await freshTopic(brokers, { partitions: 3 });
  expect(await dumpTopic(brokers, topic)).toEqual([]);
  const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'dump-test' });
  const producer = await broker.producer();
  const record = (key: string | null, value: string | null) => ({
    key,
    value,
    headers: [['ce_id', `id of ${value ?? 'nothing'}`]] as const,
    timestampMs: 1_700_000_000_000,
  });
  await producer.send([
    { topic, partition: 2, records: [record('k', 'naïve'), record('k', null)] },
    { topic, partition: 0, records: [record(null, 'first')] },
  ]);
  await broker.close();
  const at = { timestampMs: 1_700_000_000_000 };
  expect(await dumpTopic(brokers, topic)).toEqual([
    { ...at, partition: 0, offset: 0n, key: null, value: 'first', headers: { ce_id: 'id of first' } },
    { ...at, partition: 2, offset: 0n, key: 'k', value: 'naïve', headers: { ce_id: 'id of naïve' } },
    { ...at, partition: 2, offset: 1n, key: 'k', value: null, headers: { ce_id: 'id of nothing' } },
  ]);
});

it('rejects for a topic that does not exist, and does not make it', async () => {
  const { brokers } = inject('stack');
  await expect(dumpTopic(brokers, 'no-such-topic-dump')).rejects.toThrow('no-such-topic-dump');
  await expect(dumpTopic(brokers, 'no-such-topic-dump')).rejects.toThrow('no-such-topic-dump');
});
