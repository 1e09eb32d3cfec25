import { randomBytes } from 'node:crypto';
import { freshTopic, waitUntil } from '@convergekit/testing';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  type Broker,
  type IncomingRecord,
  type OutgoingBatch,
  type OutgoingRecord,
  partitionId,
} from '@convergekit/broker/engine';
import { written } from '@convergekit/broker/contract';
import { type Connect, drivers } from '../fixture/drivers.ts';
import { bytesOf } from '../fixture/edge-records.ts';

/*
 * Tests of hot codecs: Node 24 once compiled a cursor in a module variable wrongly after thousands of records. Half a
 * million records are written through each driver and read through the other, each compared to the byte; fewer at less than full size. Code that was
 * removed once, and a test here failed: one byte of one sealed record changed after half a million fields.
 */
const { brokers } = inject('stack');
const PARTITIONS = 4;
const BATCH = 500;
const EACH = inject('full') ? 125_000 : 40_000;
/** Limits that no request of a slow machine exceeds: a write of unknown outcome is another test's subject. */
const SLOW_MS = 120_000;
const START = 1_750_000_000_000;
const TEXT = 'The quick brown fox – žluťoučký kůň – jumps over 13 lazy dogs 😀. '.repeat(140);

/**
 * Creates a record of any size from nothing to hundreds of bytes, rarely thousands; with nulls, with headers or none.
 */
function bodyOf(index: number): Omit<OutgoingRecord, 'timestampMs'> {
  const size = index % 997 === 0 ? 8_000 + (index % 300) : index % 211;
  const headers = [
    ['ce_id', String(index)],
    ['tenant', TEXT.slice(0, index % 67)],
  ] as const;
  return {
    key: index % 50 === 0 ? null : `key-${index}`,
    value: index % 101 === 0 ? null : `${index}${TEXT.slice(0, size)}`,
    headers: index % 3 === 0 ? [] : headers,
  };
}

/** A prime number of records, so that batches begin with different records; the time identifies a record. */
const bodies = Array.from({ length: 4_999 }, (_, index) => bodyOf(index));
const expected = bodies.map(({ key, value, headers }) => ({
  key: bytesOf(key),
  value: bytesOf(value),
  headers: headers.map(([name, text]) => [name, Buffer.from(text)] as const),
}));

function recordAt(partition: number, index: number): OutgoingRecord {
  return { ...bodies[(partition + index) % bodies.length]!, timestampMs: START + index };
}

async function write(broker: Broker, topic: string): Promise<void> {
  const producer = await broker.producer();
  for (let first = 0; first < EACH; first += BATCH) {
    const together: OutgoingBatch[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      const records = Array.from({ length: BATCH }, (_, index) => recordAt(partition, first + index));
      together.push({ topic, partition, records });
    }
    for (const result of await producer.send(together)) written(result);
  }
}

/** Returns the number of records read, or the first record that differs from the written one. */
async function readBack(broker: Broker, topic: string): Promise<number | IncomingRecord> {
  const next = new Array<bigint>(PARTITIONS).fill(0n);
  let count = 0;
  let other: IncomingRecord | undefined;
  const consumer = broker.consumer({
    groupId: `half-million-${randomBytes(4).toString('hex')}`,
    topics: [topic],
    sessionTimeoutMs: SLOW_MS,
    handlers: {
      // A member that joins again continues where it was.
      assigned: (places) =>
        Promise.resolve(
          new Map(places.map(({ partition }) => [partitionId(topic, partition), next[partition] ?? 0n])),
        ),
      revoked: () => undefined,
      batch: ({ partition, records }) => {
        for (const record of records) {
          if (record.offset !== next[partition] || !isAsWritten(record)) other ??= record;
          next[partition] = record.offset + 1n;
        }
        count += records.length;
        return Promise.resolve();
      },
    },
  });
  await consumer.start();
  // Each wait is for progress: how long all of it takes is the machine's affair.
  while (other === undefined && count < EACH * PARTITIONS) {
    const before = count;
    await waitUntil(() => other !== undefined || count > before, { what: 'further records' });
  }
  await consumer.stop();
  return other ?? count;
}

function isAsWritten({ partition, offset, key, value, headers, timestampMs }: IncomingRecord): boolean {
  const wanted = expected[(partition + Number(offset)) % expected.length]!;
  return (
    timestampMs === START + Number(offset) &&
    same(key, wanted.key) &&
    same(value, wanted.value) &&
    headers.length === wanted.headers.length &&
    headers.every(([name, text], at) => name === wanted.headers[at]![0] && same(text, wanted.headers[at]![1]))
  );
}

function same(left: Buffer | null, right: Buffer | null): boolean {
  return left === null || right === null ? left === right : left.equals(right);
}

function opened(connect: Connect): Broker {
  const limits = { connectTimeoutMs: SLOW_MS, requestTimeoutMs: SLOW_MS };
  const broker = connect({ brokers: brokers.split(','), clientId: 'half-million', ...limits });
  onTestFinished(() => broker.close());
  return broker;
}

describe.each(drivers)('hundreds of thousands of records written by %s', (name, connect) => {
  it.each(drivers.filter(([reader]) => reader !== name))(
    'records are read by %s as they were written',
    async (_, other) => {
      // The records call themselves old: retention must not take them while they are read.
      const config = { 'retention.ms': '-1' };
      const topic = await freshTopic(brokers, { partitions: PARTITIONS, config });
      await write(opened(connect), topic);
      expect(await readBack(opened(other), topic)).toBe(EACH * PARTITIONS);
    },
  );
});
