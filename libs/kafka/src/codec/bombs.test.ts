import { encodeRecordBatch, MOST_RECORDS } from '@convergekit/broker/engine';
import { describe, expect, it } from 'vitest';
import { headerBomb, recordBomb } from '../fixture/bombs.ts';
import { DecodeBudget } from './decode-budget.ts';
import { decodeRecordSet } from './record-set.ts';

/*
 * Tests of batches that are small on the wire and large in memory. Code that was removed once, and a test here failed:
 * each limit of a count, what a batch spends of its fetch, the pause between two batches.
 */
const place = { topic: 't', partition: 3, from: 0n };
const MOST_HEADERS = 1_024;
/** One turn of the event loop. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

function at(offset: number, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigInt64BE(BigInt(offset), 0);
  return copy;
}

const genuine = encodeRecordBatch([{ key: 'k', value: 'v', headers: [['h', 'x']], timestampMs: 0 }]);

describe('a batch that is small on the wire and large in memory', () => {
  it('G4e: a record with more headers than the limit is undecodable by name, and records behind it are read', async () => {
    const bomb = headerBomb(200_000).bytes;
    expect(bomb.length).toBeLessThan(1_000);
    const { records } = await decodeRecordSet(Buffer.concat([bomb, at(1, genuine)]), place);
    expect(records.map(({ offset, headers }) => [offset, headers.length])).toEqual([
      [0n, 16],
      [1n, 1],
    ]);
    expect(records[0]?.undecodable).toMatchObject({
      firstOffset: 0n,
      lastOffset: 0n,
      why: `its record has 200000 headers, more than ${MOST_HEADERS}`,
    });
    expect(records[0]?.headerTexts).toHaveLength(32);
    expect(records[1]?.undecodable).toBeUndefined();
  });

  it('a record with as many headers as the limit is read', async () => {
    const { records } = await decodeRecordSet(headerBomb(MOST_HEADERS).bytes, place);
    expect([records[0]?.headers.length, records[0]?.undecodable]).toEqual([MOST_HEADERS, undefined]);
  });

  it('G4e: a batch of more records than the limit is one undecodable record, and records behind it are read', async () => {
    const count = MOST_RECORDS + 1;
    const set = Buffer.concat([recordBomb(count).bytes, at(count, genuine)]);
    const { records, nextOffset } = await decodeRecordSet(set, place);
    expect([nextOffset, records.length]).toEqual([BigInt(count + 1), 2]);
    expect(records[0]?.undecodable).toMatchObject({
      firstOffset: 0n,
      lastOffset: BigInt(count - 1),
      why: `it has ${count} records, more than ${MOST_RECORDS}`,
    });
  });

  it('one fetch decodes no more records than the limit of a batch, and the next one the rest', async () => {
    const each = 100_000;
    const { bytes } = recordBomb(each);
    const set = Buffer.concat([0, 1, 2].map((nth) => at(nth * each, bytes)));
    const budget = new DecodeBudget();
    const first = await decodeRecordSet(set, place, { budget });
    expect(MOST_RECORDS).toBeLessThan(3 * each);
    expect([first.records.length, first.nextOffset]).toEqual([2 * each, BigInt(2 * each)]);
    const other = await decodeRecordSet(set, { ...place, partition: 4 }, { budget });
    expect([other.records.length, other.nextOffset]).toEqual([0, undefined]);
    const next = await decodeRecordSet(set, { ...place, from: BigInt(2 * each) });
    expect([next.records.length, next.nextOffset]).toEqual([each, BigInt(3 * each)]);
  });

  it('the size of a fetch is what its records take decompressed', async () => {
    expect((await decodeRecordSet(headerBomb(1_000).bytes, place)).bytes).toBeGreaterThan(2_000);
  });

  it('the event loop turns between the batches of a large fetch', async () => {
    const { bytes } = recordBomb(20_000);
    const set = Buffer.concat(Array.from({ length: 8 }, (_, nth) => at(nth * 20_000, bytes)));
    let turns = 0;
    const progress = { decoded: false };
    const counted = (async () => {
      for (; !progress.decoded; turns += 1) await turn();
    })();
    await decodeRecordSet(set, place);
    progress.decoded = true;
    await counted;
    expect(turns).toBeGreaterThanOrEqual(8);
  });
});
