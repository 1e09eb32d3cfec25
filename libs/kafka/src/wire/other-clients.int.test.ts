import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freshTopic } from '@convergekit/testing';
import { beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import type { Broker, OutgoingRecord } from '@convergekit/broker/engine';
import { collect, written } from '@convergekit/broker/contract';
import { type JavaRecord, readWithJava } from '../../../../test/java-clients.ts';
import { drivers } from '../fixture/drivers.ts';
import { bytesOf, edgeRecords } from '../fixture/edge-records.ts';

/*
 * Other clients read what each driver writes: Kafka's Java consumer and librdkafka (kcat). They share no code with the
 * kit. Code that was removed once, and a test here failed: the second look at a record's length when the guessed one
 * did not fit, the order of headers.
 */
const { brokers } = inject('stack');
const all = edgeRecords();

/** What every driver wrote to one topic, one driver after the other. */
let topic: string;
let java: readonly JavaRecord[];

beforeAll(async () => {
  // Some records have old timestamps: retention must not remove them while they are read.
  const config = { 'max.message.bytes': '2000000', 'retention.ms': '-1' };
  topic = await freshTopic(brokers, { partitions: 1, config });
  for (const [, connect] of drivers) {
    const broker = connect({ brokers: brokers.split(','), clientId: 'edges' });
    await writeEdges(broker);
    await broker.close();
  }
  // A Java process takes seconds of computing time: one reads it all.
  java = await readWithJava(brokers, topic, drivers.length * all.length);
});

async function writeEdges(broker: Broker): Promise<void> {
  const producer = await broker.producer();
  // The largest record has its own batch.
  const parts = [all.slice(0, 20), all.slice(20, -1), all.slice(-1)];
  const results = await producer.send(parts.map((records) => ({ topic, partition: 0, records })));
  for (const result of results) written(result);
}

const plain = ({ key, value, headers, timestampMs }: OutgoingRecord) => ({
  key: bytesOf(key),
  value: bytesOf(value),
  headers: headers.map(([name, text]) => [name, Buffer.from(text)]),
  timestampMs,
});

describe.each(drivers.map(([name, connect], at) => [name, connect, at * all.length] as const))(
  'records at the borders of the format, written by %s',
  (_, connect, from) => {
    it('records at the borders of the format are the same to the Java consumer and to this driver', async () => {
      const expected = all.map(plain);
      const theirs = java.slice(from, from + all.length);
      // Lengths first: a difference of bytes would print a megabyte.
      expect(theirs.map(({ value }) => value?.length)).toEqual(expected.map(({ value }) => value?.length));
      expect(theirs).toEqual(expected);
      const broker = connect({ brokers: brokers.split(','), clientId: 'edges' });
      onTestFinished(() => broker.close());
      const ours = await collect(
        (await broker.admin()).read(topic, 0, BigInt(from), BigInt(from + all.length)),
      );
      expect(
        ours.map(({ key, value, headers, timestampMs }) => ({ key, value, headers, timestampMs })),
      ).toEqual(expected);
    });

    it('records at the borders of the format are the same to kcat', { tags: 'kcat' }, async () => {
      const { stdout } = await promisify(execFile)(
        'kcat',
        // Lengths (-1 for null) before the bytes, so that nothing is guessed.
        [
          '-C',
          '-q',
          '-b',
          brokers,
          '-t',
          topic,
          '-o',
          String(from),
          '-c',
          String(all.length),
          '-f',
          '%K %S %T:%k%s%h\\n',
        ],
        { encoding: 'buffer', maxBuffer: 67_108_864 },
      );
      expect(stdout.equals(Buffer.concat(all.map(printed)))).toBe(true);
    });
  },
);

function printed(record: OutgoingRecord): Buffer {
  const { key, value, headers, timestampMs } = plain(record);
  const lengths = `${key?.length ?? -1} ${value?.length ?? -1} ${timestampMs}:`;
  const none = Buffer.alloc(0);
  const pairs = headers.map(([name, bytes]) => `${String(name)}=${String(bytes)}`).join(',');
  return Buffer.concat([Buffer.from(lengths), key ?? none, value ?? none, Buffer.from(`${pairs}\n`)]);
}
