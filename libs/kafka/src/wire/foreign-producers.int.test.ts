import { freshTopic, waitUntil } from '@convergekit/testing';
import { Kafka, logLevel } from 'kafkajs';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import type { IncomingRecord } from '@convergekit/broker/engine';
import { collect, Kit, values } from '@convergekit/broker/contract';
import { writeWithJava } from '../../../../test/java-clients.ts';
import { drivers } from '../fixture/drivers.ts';

/*
 * Each driver reads what other programs write: batches of Kafka's Java producer in every codec, transactions of
 * kafkajs. Planted faults, each seen to fail here: no lz4; no snappy; a fetch of what is uncommitted; an empty list of
 * aborted transactions.
 */
const { brokers } = inject('stack');
const LINES = Array.from(
  { length: 2_000 },
  (_, at) => `{"n":${at},"text":"${'quick brown fox '.repeat(at % 9)}"}`,
);

const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const;
/** The topic of each codec. A Java process takes seconds of computing time: all drivers read what one wrote. */
const topics = new Map<string, string>();

beforeAll(async () => {
  for (const codec of CODECS) {
    const topic = await freshTopic(brokers, { partitions: 1 });
    await writeWithJava(brokers, topic, LINES, codec);
    topics.set(codec, topic);
  }
});

describe.each(drivers)('the %s driver', (_, connect) => {
  it.each(CODECS)('G4e, N8: a driver reads %s batches of the Java producer', async (codec) => {
    const topic = topics.get(codec) ?? '';
    const broker = connect({ brokers: brokers.split(','), clientId: 'foreign' });
    onTestFinished(() => broker.close());
    const read = await collect((await broker.admin()).read(topic, 0, 0n, 1_000_000n));
    expect(values(read)).toEqual(LINES);
    expect(read.filter(({ undecodable }) => undecodable !== undefined)).toEqual([]);
  });

  it('G4e: a consumer waits for an open transaction, leaves an aborted one out and delivers a committed one', async () => {
    const kit = new Kit({
      connect: () => connect({ brokers: brokers.split(','), clientId: 'foreign' }),
      sessionTimeoutMs: 6_000,
      network: () => Promise.reject(new Error('no test here breaks it')),
    });
    const topic = await kit.topic(1);
    const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'foreign', logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    onTestFinished(() => producer.disconnect());
    await producer.connect();
    const write = async (value: string) => {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value }] });
      return transaction;
    };
    const stalls: (string | undefined)[] = [];
    const member = kit.member({
      groupId: kit.group(),
      topics: [topic],
      fetchStallMs: 200,
      fetchStalled: (_place, stall) => void stalls.push(stall?.reason),
    });
    await member.start();
    const aborted = await write('aborted');
    await kit.write(topic, 0, [{ key: null, value: 'behind', headers: [], timestampMs: Date.now() }]);
    await waitUntil(() => stalls.at(-1) === 'open_transaction', { what: 'the wait to be named' });
    const admin = await kit.admin();
    const read = async (isolation?: 'uncommitted') =>
      values(await collect<IncomingRecord>(admin.read(topic, 0, 0n, 1_000n, isolation)));
    expect([await read(), await read('uncommitted')]).toEqual([[], ['aborted', 'behind']]);
    await aborted.abort();
    await waitUntil(() => member.seen.length === 1, { what: 'what lies behind' });
    await (await write('committed')).commit();
    await waitUntil(() => member.seen.length === 2, { what: 'the committed one' });
    expect(values(member.seen)).toEqual(['behind', 'committed']);
    expect(await read()).toEqual(['behind', 'committed']);
    // Marks of transactions are no records for any reader.
    expect(await read('uncommitted')).toEqual(['aborted', 'behind', 'committed']);
    expect(member.broken).toEqual([]);
  });
});
