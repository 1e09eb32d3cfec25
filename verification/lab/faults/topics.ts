import kafkajs from 'kafkajs';
import { waitUntil } from '@convergekit/testing';
import { sourceState } from '../operator.ts';
import { STRANGER } from '../read-log.ts';
import { fault, type Targets } from '../types.ts';
import { chosen, namesOf, oneOf } from './choose.ts';

/** The settings of the topics: the log then says when each record was written. */
export const topicSettings = {
  'message.timestamp.type': 'LogAppendTime',
  'max.message.bytes': '1048588',
} as const;

export const haltedTopic = fault({
  name: 'topic-halted',
  about:
    'the limit of a topic is below the size of any event: the relay halts it and others flow, until it is raised',
  needs: ['sources', 'kafka'],
  holdMs: [500, 8_000],
  inject: async ({ sources, kafka }, { pick, signal }) => {
    const hit = chosen(
      sources.filter(({ sideTopic }) => sideTopic !== undefined),
      pick,
    );
    if (hit.length === 0) return undefined;
    const topics = hit.flatMap(({ sideTopic }) => sideTopic ?? []);
    const repair = (): Promise<void> => setLimit(kafka, topics, topicSettings['max.message.bytes']);
    try {
      await setLimit(kafka, topics, '200');
      for (const { env, name } of hit)
        await waitUntil(async () => signal.aborted || (await sourceState(env)).held.length > 0, {
          what: `the relay of ${name} to halt its topic`,
          deadlineMs: 30_000,
        });
    } catch (error) {
      await repair();
      throw error;
    }
    return { what: namesOf(hit), repair };
  },
});

async function setLimit(kafka: Targets['kafka'], topics: readonly string[], bytes: string): Promise<void> {
  const client = new kafkajs.Kafka({ brokers: [kafka.address], logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  try {
    // Settings that are not named fall back to their defaults.
    const settings = Object.entries({ ...topicSettings, 'max.message.bytes': bytes });
    await admin.alterConfigs({
      validateOnly: false,
      resources: topics.map((name) => ({
        type: kafkajs.ConfigResourceTypes.TOPIC,
        name,
        configEntries: settings.map(([key, value]) => ({ name: key, value })),
      })),
    });
  } finally {
    await admin.disconnect();
  }
}

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
