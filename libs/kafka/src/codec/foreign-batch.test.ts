import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '@node-rs/crc32';
import { encodeRecordBatch, type IncomingRecord, type OutgoingRecord } from '@convergekit/broker/engine';
import { compressed } from '../fixture/compressed.ts';
import { DecodeBudget } from './decode-budget.ts';
import { decodeRecordSet } from './record-set.ts';

const require = createRequire(import.meta.url);
const { compressSync } = require('snappy') as { compressSync: (input: Buffer) => Buffer };
const { compressFrameSync } = require('lz4-napi') as { compressFrameSync: (input: Buffer) => Buffer };
const COMPRESS: Readonly<Record<number, (body: Buffer) => Buffer>> = {
  1: gzipSync,
  2: compressSync,
  3: compressFrameSync,
  4: zstdCompressSync,
};
const place = { topic: 't', partition: 3, from: 0n };
const record = (value: string): OutgoingRecord => ({
  key: 'k',
  value,
  headers: [],
  timestampMs: 1_700_000_000_000,
});

describe('a batch of another producer', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 });
  const records = fc.array(
    fc.record({
      key: fc.option(text),
      value: fc.option(text),
      headers: fc.array(fc.tuple(text, text), { maxLength: 5 }),
      timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
    }),
    { minLength: 1, maxLength: 40 },
  );

  // Planted fault: without the catch its error ends the whole fetch.
  it('G4e, N8: a batch of an unknown codec is one record with its offsets, its hash and its bytes, and later batches are read', async () => {
    const sent = [record('one'), record('two')];
    const unknown = compressed(encodeRecordBatch(sent), 6, (body) => body);
    const next = encodeRecordBatch([record('three')]);
    next.writeBigInt64BE(2n, 0);
    const {
      records: got,
      nextOffset,
      damaged,
    } = await decodeRecordSet(Buffer.concat([unknown, next]), place);
    expect([nextOffset, damaged, got.length]).toEqual([3n, false, 2]);
    expect(got[0]).toMatchObject({ offset: 1n, key: null, headers: [], value: unknown });
    expect(got[0]?.undecodable).toEqual({
      firstOffset: 0n,
      lastOffset: 1n,
      sha256: createHash('sha256').update(unknown).digest('hex'),
      why: "codec 6 is not one of Kafka's",
    });
    expect(got[1]?.value?.toString()).toBe('three');
    // The undecodable record covers only the requested part: earlier records are accounted for.
    const rest = (await decodeRecordSet(unknown, { ...place, from: 1n })).records[0]?.undecodable;
    expect(rest).toMatchObject({ firstOffset: 1n, lastOffset: 1n });
  });

  // Planted faults: without what decoded batches spend, or what one beyond the bound spends, all ten are decoded in one fetch.
  it('G4e: a batch beyond the bound is not decoded, and one fetch decodes little more than one bound', async () => {
    const bomb = compressed(encodeRecordBatch([record('x'.repeat(2_000_000))]), 1, gzipSync);
    expect(bomb.length).toBeLessThan(4_000);
    const { records: got, nextOffset } = await decodeRecordSet(bomb, place, {
      budget: new DecodeBudget(1_000_000),
    });
    expect([got[0]?.undecodable?.why, nextOffset]).toEqual([
      'its records are more than 1000000 bytes (maxBatchBytes)',
      1n,
    ]);
    const set = Buffer.concat(
      Array.from({ length: 10 }, (_, at) => {
        const one = Buffer.from(bomb);
        one.writeBigInt64BE(BigInt(at), 0);
        return one;
      }),
    );
    const budget = new DecodeBudget(3_000_000);
    expect(await decodeRecordSet(set, place, { budget })).toMatchObject({ nextOffset: 2n, damaged: false });
    // A batch that was not decoded uses the budget, too: its cost was known only at the bound.
    const small = new DecodeBudget(1_000_000);
    expect(await decodeRecordSet(set, place, { budget: small })).toMatchObject({
      nextOffset: 1n,
      damaged: false,
    });
    // The other partition of the same fetch waits for the next fetch.
    expect(await decodeRecordSet(set, place, { budget })).toMatchObject({
      nextOffset: undefined,
      records: [],
    });
  });

  // Planted fault: without the comparison of checksums it is read as if it were whole.
  it('a batch with a wrong checksum ends the set: it is fetched again before it counts as undecodable', async () => {
    const good = encodeRecordBatch([record('good')]);
    const bad = encodeRecordBatch([record('bad'), record('worse')]);
    bad.writeBigInt64BE(1n, 0);
    bad[70] = (bad[70] ?? 0) ^ 1;
    const set = Buffer.concat([good, bad]);
    expect(await decodeRecordSet(set, place)).toMatchObject({ nextOffset: 1n, damaged: false });
    const again = await decodeRecordSet(bad, { ...place, from: 1n });
    expect([again.nextOffset, again.damaged, again.records.length]).toEqual([3n, true, 1]);
    expect(again.records[0]?.undecodable).toMatchObject({ lastOffset: 2n, why: 'its checksum is wrong' });
    // A number of offsets that nothing confirms is not skipped.
    bad.writeInt32BE(2_000_000_000, 23);
    expect((await decodeRecordSet(bad, { ...place, from: 1n })).nextOffset).toBe(2n);
  });

  // Planted fault: a negative length led back to where the record began, three million times.
  it('a batch that contradicts itself behind a right checksum is one undecodable record', async () => {
    const seal = (bytes: Buffer): Buffer => {
      bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
      return bytes;
    };
    const spoilt = async (at: number, write: (bytes: Buffer, at: number) => void): Promise<unknown> => {
      const bytes = encodeRecordBatch([record('a'), record('b')]);
      write(bytes, at);
      const { records: got, nextOffset } = await decodeRecordSet(seal(bytes), place);
      return [nextOffset, got.length, got[0]?.undecodable?.why.split(':')[0]];
    };
    const contradiction = [2n, 1, 'its bytes contradict themselves'];
    expect(await spoilt(57, (bytes, at) => bytes.writeInt32BE(200_000, at))).toEqual(contradiction);
    expect(await spoilt(57, (bytes, at) => bytes.writeInt32BE(-1, at))).toEqual(contradiction);
    expect(await spoilt(61, (bytes, at) => bytes.writeUInt8(0x01, at))).toEqual(contradiction);
    expect(await spoilt(64, (bytes, at) => bytes.writeUInt8(0x08, at))).toEqual(contradiction);
  });

  // Planted faults: without the look at aborted ones `aborted` is read; without that at control batches the marks are.
  it('batches of an aborted transaction are left out up to its end marker, and the same producer is read behind it', async () => {
    const batch = (offset: bigint, producer: bigint, value: string, attributes = 0x10): Buffer => {
      const bytes = encodeRecordBatch([record(value)]);
      bytes.writeBigInt64BE(offset, 0);
      bytes.writeBigInt64BE(producer, 43);
      bytes.writeInt16BE(attributes, 21);
      bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
      return bytes;
    };
    const mark = (offset: bigint, producer: bigint, type: number): Buffer => {
      const plain = encodeRecordBatch([{ ...record('mark'), key: '\0\0\0' + String.fromCharCode(type) }]);
      plain.writeBigInt64BE(offset, 0);
      plain.writeBigInt64BE(producer, 43);
      plain.writeInt16BE(0x30, 21);
      plain.writeUInt32BE(crc32c(plain.subarray(21)), 17);
      return plain;
    };
    const set = Buffer.concat([
      batch(0n, 7n, 'earlier transaction'),
      mark(1n, 7n, 1),
      batch(2n, 7n, 'aborted'),
      batch(3n, 8n, 'of another'),
      batch(4n, 7n, 'not of a transaction', 0),
      mark(5n, 7n, 0),
      batch(6n, 7n, 'after it'),
    ]);
    const aborted = [{ producerId: 7n, firstOffset: 2n }];
    const texts = (of: IncomingRecord[]) => of.map(({ value }) => value?.toString());
    const { records: got, nextOffset } = await decodeRecordSet(set, place, { aborted });
    expect(texts(got)).toEqual(['earlier transaction', 'of another', 'not of a transaction', 'after it']);
    expect(nextOffset).toBe(7n);
    expect(texts((await decodeRecordSet(set, place)).records)).toHaveLength(5);
  });

  // Planted faults: inner lengths taken on trust, and a position that does not move, fail here.
  it('a batch of any bytes is read or recorded: nothing is thrown, and the position always advances', async () => {
    const spoils = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        records,
        fc.constantFrom(0, 1, 2, 3, 4, 5),
        spoils,
        fc.boolean(),
        fc.integer({ min: 0, max: 45 }),
        async (sent, codec, damages, resealed, from) => {
          const compress = COMPRESS[codec] ?? ((body: Buffer) => body);
          const bytes = compressed(encodeRecordBatch(sent), codec, compress);
          for (const [at, byte] of damages) bytes[12 + (at % (bytes.length - 12))] = byte;
          if (resealed) bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17);
          const asked = { ...place, from: BigInt(from) };
          const { records: got, nextOffset } = await decodeRecordSet(bytes, asked);
          for (const one of got) expect([one.key, one.headers, one.headerTexts, one.value]).toHaveLength(4);
          const offsets = got.map(({ offset }) => offset);
          expect(offsets).toEqual([...new Set(offsets)].toSorted((left, right) => Number(left - right)));
          if (offsets.length > 0) expect((nextOffset ?? 0n) > (offsets.at(-1) ?? 0n)).toBe(true);
          if (nextOffset !== undefined) expect(nextOffset > asked.from).toBe(true);
        },
      ),
      { seed: 4, numRuns: 500 },
    );
  });
});
