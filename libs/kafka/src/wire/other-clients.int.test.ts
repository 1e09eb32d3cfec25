import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freshTopic } from '@convergekit/testing';
import { readWithJava } from '@convergekit/testing/engine';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import type { Broker, OutgoingRecord } from '@convergekit/broker/engine';
import { collect, written } from '@convergekit/broker/contract';
import { type Connect, drivers } from '../fixture/drivers.ts';
import { bytesOf, edgeRecords, sealedByBuilder } from '../fixture/edge-records.ts';

/*
 * Other clients read what each driver writes: Kafka's Java consumer and librdkafka (kcat). They share no code with the
 * kit. Code that was removed once, and a test here failed: the second look at a record's length when the guessed one
 * did not fit (the builder), the order of headers (the encoder).
 */
const { brokers } = inject('stack');
const edges = edgeRecords();
/** The records are written twice: encoded by the driver, and sealed as the relay does. */
const all = [...edges, ...edges];

async function edgesWritten(connect: Connect): Promise<{ topic: string; broker: Broker }> {
  // Some records have old timestamps: retention must not remove them while they are read.
  const config = { 'max.message.bytes': '2000000', 'retention.ms': '-1' };
  const topic = await freshTopic(brokers, { partitions: 1, config });
  const broker = connect({ brokers: brokers.split(','), clientId: 'edges' });
  onTestFinished(() => broker.close());
  const producer = await broker.producer();
  // The largest record has its own batch.
  const parts = [edges.slice(0, 20), edges.slice(20, -1), edges.slice(-1)];
  const batches = [...parts, ...parts.map(sealedByBuilder)];
  const results = await producer.send(batches.map((of) => ({ topic, partition: 0, records: of })));
  for (const result of results) written(result);
  return { topic, broker };
}

const plain = ({ key, value, headers, timestampMs }: OutgoingRecord) => ({
  key: bytesOf(key),
  value: bytesOf(value),
  headers: headers.map(([name, text]) => [name, Buffer.from(text)]),
  timestampMs,
});

describe.each(drivers)('records at the borders of the format, written by %s', (_, connect) => {
  it('records at the borders of the format are the same to the Java consumer and to this driver', async () => {
    const { topic, broker } = await edgesWritten(connect);
    const expected = all.map(plain);
    const java = await readWithJava(brokers, topic, all.length);
    // Lengths first: a difference of bytes would print a megabyte.
    expect(java.map(({ value }) => value?.length)).toEqual(expected.map(({ value }) => value?.length));
    expect(java).toEqual(expected);
    const ours = await collect((await broker.admin()).read(topic, 0, 0n, BigInt(all.length)));
    expect(
      ours.map(({ key, value, headers, timestampMs }) => ({ key, value, headers, timestampMs })),
    ).toEqual(expected);
  });

  it('records at the borders of the format are the same to kcat', { tags: 'kcat' }, async () => {
    const { topic } = await edgesWritten(connect);
    const { stdout } = await promisify(execFile)(
      'kcat',
      // Lengths (-1 for null) before the bytes, so that nothing is guessed.
      ['-C', '-q', '-b', brokers, '-t', topic, '-o', 'beginning', '-e', '-f', '%K %S %T:%k%s%h\\n'],
      { encoding: 'buffer', maxBuffer: 67_108_864 },
    );
    expect(stdout.equals(Buffer.concat(all.map(printed)))).toBe(true);
  });
});

function printed(record: OutgoingRecord): Buffer {
  const { key, value, headers, timestampMs } = plain(record);
  const lengths = `${key?.length ?? -1} ${value?.length ?? -1} ${timestampMs}:`;
  const none = Buffer.alloc(0);
  const pairs = headers.map(([name, bytes]) => `${String(name)}=${String(bytes)}`).join(',');
  return Buffer.concat([Buffer.from(lengths), key ?? none, value ?? none, Buffer.from(`${pairs}\n`)]);
}
