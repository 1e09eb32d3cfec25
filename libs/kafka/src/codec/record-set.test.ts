import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import { encodeRecordBatch, type IncomingRecord, type OutgoingRecord } from '@convergekit/broker/engine';
import { crc32c } from '@node-rs/crc32';
import { compressed } from '../fixture/compressed.ts';
import { decodeRecordSet } from './record-set.ts';

const place = { topic: 't', partition: 3, from: 0n };
const record = (value: string, extra: Partial<OutgoingRecord> = {}): OutgoingRecord => ({
  key: 'k',
  value,
  headers: [],
  timestampMs: 1_700_000_000_000,
  ...extra,
});

/** The record that a reader should return. */
function seen(sent: OutgoingRecord, index: number): unknown {
  return {
    topic: 't',
    partition: 3,
    offset: BigInt(index),
    timestampMs: sent.timestampMs,
    key: sent.key === null ? null : Buffer.from(sent.key),
    value: sent.value === null ? null : Buffer.from(sent.value as string),
    headers: sent.headers.map(([name, value]) => [name, Buffer.from(value)]),
  };
}

/** The record that a reader returned, with the values of its getters. */
function whole({
  topic,
  partition,
  offset,
  timestampMs,
  key,
  value,
  headers,
}: IncomingRecord): IncomingRecord {
  return { topic, partition, offset, timestampMs, key, value, headers };
}

describe('a record batch', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  const records = fc.array(
    fc.record({
      key: fc.option(text),
      value: fc.option(
        fc.oneof(text, fc.constantFrom('', 'x'.repeat(63), 'x'.repeat(64), 'ü'.repeat(4_096))),
      ),
      headers: fc.array(fc.tuple(text, text), { maxLength: 5 }),
      timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    }),
    { minLength: 1, maxLength: 40 },
  );

  it('a batch of any records is decoded as it was encoded', async () => {
    await fc.assert(
      fc.asyncProperty(records, async (sent) => {
        const bytes = encodeRecordBatch(sent);
        const { records: got, nextOffset } = await decodeRecordSet(bytes, place);
        expect(got.map(whole)).toEqual(sent.map(seen));
        expect(nextOffset).toBe(BigInt(sent.length));
      }),
    );
  });

  it('a batch keeps headers in order, also repeated names and names like numbers or __proto__', async () => {
    const headers = [
      ['z', '1'],
      ['2', 'two'],
      ['1', 'one'],
      ['__proto__', 'p'],
      ['z', '2'],
      ['leer', ''],
    ] as const;
    const { records: got } = await decodeRecordSet(encodeRecordBatch([record('v', { headers })]), place);
    expect(got[0]?.headers.map(([name, value]) => [name, value?.toString()])).toEqual(headers);
  });

  it('encoder and decoder are right for very many records, when their code is hot', async () => {
    const sent = Array.from({ length: 1_000 }, (_, index) =>
      record(`value ${index} ${'é'.repeat(index % 70)}`),
    );
    const expected = sent.map(seen);
    const first = encodeRecordBatch(sent);
    const rounds = inject('full') ? 300 : 100;
    for (let round = 0; round < rounds; round += 1) expect(encodeRecordBatch(sent).equals(first)).toBe(true);
    for (let round = 0; round < rounds / 10; round += 1)
      expect((await decodeRecordSet(first, place)).records.map(whole)).toEqual(expected);
  });

  it('a batch that the fetch limit cuts off is left for the next fetch', async () => {
    const whole = encodeRecordBatch([record('first')]);
    const set = Buffer.concat([whole, encodeRecordBatch([record('second')]).subarray(0, 40)]);
    const { records: got, nextOffset } = await decodeRecordSet(set, place);
    expect(got).toHaveLength(1);
    expect(nextOffset).toBe(1n);
    expect(await decodeRecordSet(set.subarray(0, 30), place)).toEqual({
      records: [],
      bytes: 0,
      nextOffset: undefined,
      damaged: false,
    });
  });

  it('the decoder drops records before the wanted offset', async () => {
    const bytes = encodeRecordBatch([record('0'), record('1'), record('2')]);
    const { records: got } = await decodeRecordSet(bytes, { ...place, from: 2n });
    expect(got.map(({ offset }) => offset)).toEqual([2n]);
  });

  it('a batch of control records moves the position and delivers nothing', async () => {
    const bytes = encodeRecordBatch([record('marker')]);
    bytes.writeInt16BE(0x20, 21);
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
    expect(await decodeRecordSet(bytes, place)).toEqual({
      records: [],
      bytes: 0,
      nextOffset: 1n,
      damaged: false,
    });
  });

  it('a batch compressed with gzip or zstd by another program is decoded', async () => {
    const sent = [record('one'), record('two')];
    const plain = encodeRecordBatch(sent);
    expect((await decodeRecordSet(compressed(plain, 1, gzipSync), place)).records.map(whole)).toEqual(
      sent.map(seen),
    );
    expect((await decodeRecordSet(compressed(plain, 4, zstdCompressSync), place)).records.map(whole)).toEqual(
      sent.map(seen),
    );
  });

  // Planted fault: inner lengths taken on trust throw in the middle of a fetch, or read the next record's bytes.
  it('a record whose inner lengths contradict its own is delivered as bytes, and all others as they are', async () => {
    const bytes = encodeRecordBatch([record('first', { headers: [['h', 'x']] }), record('second')]);
    const at = bytes.indexOf('first') - 1; // the value's length
    for (const length of [0x02, 0x14, 0xfe]) {
      const spoilt = Buffer.from(bytes);
      spoilt[at] = length;
      spoilt.writeUInt32BE(crc32c(spoilt.subarray(21)), 17);
      const [broken, good] = (await decodeRecordSet(spoilt, place)).records.map(whole);
      expect([broken?.key, broken?.headers, broken?.value?.includes('first')]).toEqual([null, [], true]);
      expect(good).toEqual(seen(record('second'), 1));
    }
  });
});

describe('crc32c', () => {
  it('crc32c returns the check value of the Castagnoli polynomial and the vectors of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe306_9283);
    expect(crc32c(Buffer.alloc(32))).toBe(0x8a91_36aa);
    expect(crc32c(Buffer.alloc(32, 0xff))).toBe(0x62a8_ab43);
    expect(crc32c(Buffer.from(Array.from({ length: 32 }, (_, index) => index)))).toBe(0x46dd_794e);
    expect(crc32c(Buffer.alloc(0))).toBe(0);
  });
});
