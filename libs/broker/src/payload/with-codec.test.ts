import { expect, inject, onTestFinished, test } from 'vitest';
import type { Broker, IncomingRecord, OutgoingRecord } from '../broker.ts';
import { encodeRecordBatch } from '../batch/encode-record-batch.ts';
import { collect, record, until, values } from '../contract/kit.ts';
import { brokerContract, type BrokerUnderTest } from '../contract/index.ts';
import { memoryBroker } from '../memory/memory-broker.ts';
import { CodecUnavailable, type PayloadCodec } from './payload-codec.ts';
import { withCodec } from './with-codec.ts';

const json = (text: string): string => JSON.stringify({ text });

/** A codec that writes the bytes backwards, and does what a test sets. */
function backwards(): PayloadCodec & { down: boolean; asked: number } {
  const check = (): Promise<void> =>
    codec.down ? Promise.reject(new CodecUnavailable('no registry')) : Promise.resolve();
  const codec = {
    down: false,
    asked: 0,
    owns: (value: Uint8Array) => value[0] === 0,
    encode: async (payload: Uint8Array) => {
      codec.asked += 1;
      await check();
      if (Buffer.from(payload).includes('unfit')) throw new Error('it does not fit');
      return Buffer.from([0, ...payload.toReversed()]);
    },
    decode: async (value: Buffer) => {
      codec.asked += 1;
      await check();
      if (value.length === 1) throw new Error('it is cut off');
      return value.subarray(1).toReversed();
    },
  };
  return codec;
}

const event = (text: string): OutgoingRecord =>
  record(json(text), {
    headers: [
      ['ce_type', 'order.placed'],
      ['ce_dataschema', 'urn:converge:order.placed:2'],
    ],
  });

async function scene() {
  const codec = backwards();
  const inner = memoryBroker();
  const warned: string[] = [];
  const broker = withCodec(inner, codec, { log: (_level, message) => void warned.push(message) });
  onTestFinished(() => inner.close());
  const admin = await broker.admin();
  await admin.createTopic({ name: 't', partitions: 2 });
  const read = async (from: Broker): Promise<IncomingRecord[]> =>
    collect((await from.admin()).read('t', 0, 0n, 100n));
  return { codec, inner, broker, warned, read, producer: await broker.producer() };
}

test('G2c: a payload is encoded in the log, decoded for readers, and its headers and key do not change', async () => {
  const { inner, broker, read, producer } = await scene();
  const sealed = encodeRecordBatch([event('b')]);
  await producer.send([
    { topic: 't', partition: 0, records: [event('a')] },
    { topic: 't', partition: 0, records: { length: 1, bytes: sealed } },
    { topic: 't', partition: 0, records: [record('no event'), record(null)] },
  ]);
  const raw = await read(inner);
  expect(raw.map(({ value }) => value?.[0])).toEqual([0, 0, 'n'.charCodeAt(0), undefined]);
  const decoded = await read(broker);
  expect(values(decoded)).toEqual([json('a'), json('b'), 'no event', undefined]);
  for (const [at, one] of decoded.entries()) {
    expect(one.headers).toEqual(raw[at]?.headers);
    expect(one.key).toEqual(raw[at]?.key);
    expect([one.offset, one.timestampMs]).toEqual([raw[at]?.offset, raw[at]?.timestampMs]);
  }
});

test('a payload that does not fit fails its batch and those behind it in the partition, and no other', async () => {
  const { codec, broker, read, producer } = await scene();
  const results = await producer.send([
    { topic: 't', partition: 0, records: [event('a')] },
    { topic: 't', partition: 0, records: [event('b'), event('unfit')] },
    { topic: 't', partition: 0, records: [event('c')] },
    { topic: 't', partition: 1, records: [event('d')] },
  ]);
  expect(results.map(({ ok }) => ok)).toEqual([true, false, false, true]);
  for (const at of [1, 2])
    expect(results[at]).toMatchObject({
      topic: 't',
      partition: 0,
      error: { code: 'PAYLOAD_NOT_ENCODABLE', kind: 'halt_topic', certainty: 'not_applied' },
    });
  expect(values(await read(broker))).toEqual([json('a')]);
  codec.down = true;
  const [later] = await producer.send([{ topic: 't', partition: 0, records: [event('e')] }]);
  expect(later).toMatchObject({ ok: false, error: { code: 'CODEC_UNAVAILABLE', kind: 'retry' } });
});

test('a batch waits while the codec is unavailable, and a record that is broken is delivered as it is', async () => {
  const { codec, inner, broker, warned, producer } = await scene();
  await producer.send([
    { topic: 't', partition: 0, records: [event('a'), { ...event(''), value: '\u0000' }, event('b')] },
  ]);
  codec.down = true;
  const seen: IncomingRecord[] = [];
  const consumer = broker.consumer({
    groupId: 'g',
    topics: ['t'],
    handlers: {
      assigned: () => Promise.resolve(new Map([['t/0', 'earliest' as const]])),
      revoked: () => undefined,
      batch: (batch) => Promise.resolve(void seen.push(...batch.records)),
    },
  });
  onTestFinished(() => consumer.stop());
  await consumer.start();
  const before = codec.asked;
  await until('three attempts', () => codec.asked >= before + 3);
  expect([seen, warned[0]]).toEqual([[], 'a batch waits for the codec']);
  codec.down = false;
  await until('the batch', () => seen.length === 3);
  expect(values(seen)).toEqual([json('a'), '\u0000', json('b')]);
  expect(warned.at(-1)).toBe('the codec cannot decode a record');
  expect(inner.driver).toBe(broker.driver);
});

// A codec sees payloads alone: who reads a partition, and over which network, is the inner broker's matter.
const PARTS = ['producing', 'consuming', 'positions'] as const;

brokerContract('memory behind a codec', behindCodec, inject('full') ? undefined : PARTS);

function behindCodec(): BrokerUnderTest {
  const { cluster } = memoryBroker();
  const codec = backwards();
  return {
    connect: () => withCodec(memoryBroker({ cluster }), codec),
    sessionTimeoutMs: 300,
    network: () => {
      const client = memoryBroker({ cluster });
      return Promise.resolve({
        connect: () => withCodec(client, codec),
        cut: () => {
          client.takeDown();
          setImmediate(() => client.restore());
        },
        stall: () => client.failSend({ code: 'TIMEOUT', certainty: 'unknown' }),
        down: () => Promise.resolve(client.takeDown()),
        up: () => Promise.resolve(client.restore()),
        loseLeaders: async () => {
          cluster.log.leader = undefined;
          await cluster.log.lookedUp.next();
        },
        loseLeader: (topic, partition) => void client.offline.add(`${topic}/${partition}`),
        moveLeaders: async () => {
          cluster.log.leader = (cluster.log.leader ?? 0) + 1;
          await cluster.log.lookedUp.next();
        },
        loseNextAcknowledgement: () => client.failSend({ applied: true }),
        close: () => Promise.resolve(),
      });
    },
  };
}
