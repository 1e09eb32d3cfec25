import kafkajs from 'kafkajs';
import { STRANGER } from '../read-log.ts';
import { fault } from '../types.ts';
import { oneOf } from './choose.ts';

/** Records that no consumer can take for an event: without headers, with some of them, with huge ones, without a value. */
const records = (count: number) =>
  Array.from({ length: count }, (_, index) => {
    const headers = [
      {},
      { ce_id: 'x', ce_type: 'stranger.came', ce_pos: '9.9.9' },
      {
        ce_id: `stranger-${index}`,
        ce_source: 'stranger',
        ce_type: 'stranger.came',
        'x-large': 'é'.repeat(2_000),
      },
    ][index % 3];
    const value = ['{"n":', null, '\u0000\ufffd'.repeat(50), '[]'][index % 4] ?? null;
    return {
      key: index % 2 === 0 ? null : `key-${index}`,
      value,
      headers: { ...headers, [STRANGER]: 'yes' },
    };
  });

export const hostileRecords = fault({
  name: 'records-hostile',
  about: 'strangers write records into topics that no consumer can read',
  needs: ['topics', 'kafka'],
  inject: async ({ topics, kafka }, { pick, size }) => {
    const client = new kafkajs.Kafka({ brokers: [kafka.address], logLevel: kafkajs.logLevel.NOTHING });
    const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    const topic = oneOf(topics, pick) ?? '';
    const messages = records(4 + Math.floor(size * 20));
    await producer.connect();
    try {
      await producer.send({ topic, messages });
    } finally {
      await producer.disconnect();
    }
    return { what: `${messages.length} into ${topic}` };
  },
});
