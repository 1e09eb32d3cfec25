import { crc32c } from '@node-rs/crc32';
import type { IncomingRecord, SealedRecords } from '../broker.ts';
import { ByteReader } from './byte-reader.ts';
import { FetchedRecord } from './fetched-record.ts';
import { BATCH_OVERHEAD } from './record-batch-builder.ts';
import { undecodable } from './undecodable.ts';

export interface Place {
  readonly topic: string;
  readonly partition: number;
  /** Records below this offset are dropped: a broker answers with whole batches. */
  readonly from: bigint;
}

/**
 * The most records of a batch: no uncompressed batch within the broker's default of 1 MiB has more than 150,000. A
 * compressed one of the same size may have hundreds of millions.
 */
export const MOST_RECORDS = 262_144;

const LOG_APPEND_TIME = 0x08;
/** The size of a record without key, value and headers. */
const SHORTEST = 7;

const CODEC = 0x07;

/**
 * Decodes a batch as its producer sealed it, with base offset 0. A compressed batch is one record that cannot be
 * decoded. Throws a RangeError when the checksum is wrong.
 */
export function decodeSealed(
  { bytes, length }: SealedRecords,
  topic: string,
  partition: number,
): IncomingRecord[] {
  if (crc32c(bytes.subarray(21)) !== bytes.readUInt32BE(17))
    throw new RangeError(`the checksum of a sealed batch for ${topic}/${partition} is wrong`);
  const place = { topic, partition, from: 0n };
  const last = BigInt(length - 1);
  const codec = bytes.readInt16BE(21) & CODEC;
  if (codec !== 0) return [undecodable(bytes, place, last, `codec ${codec} is not decoded in memory`)];
  return decodeRecords(bytes, bytes.subarray(BATCH_OVERHEAD), place, last);
}

/** Returns the number of records that a batch claims. Throws a RangeError for what no batch may have. */
export function recordCount(batch: Buffer): number {
  const count = batch.readInt32BE(57);
  if (count < 0) throw contradiction(`it says that it holds ${count} records`);
  if (count > MOST_RECORDS) throw new RangeError(`it has ${count} records, more than ${MOST_RECORDS}`);
  return count;
}

/**
 * Decodes the records of a batch from its uncompressed body. Throws a RangeError when they contradict the batch: lengths
 * beyond its end, offsets that do not ascend, more records than bytes. Counts are compared with the bytes and with their
 * limits before anything is made.
 */
export function decodeRecords(batch: Buffer, body: Buffer, place: Place, last: bigint): IncomingRecord[] {
  const base = batch.readBigInt64BE(0);
  const count = recordCount(batch);
  if (count * SHORTEST > body.length) throw contradiction(`it says that it holds ${count} records`);
  const fixed = (batch.readInt16BE(21) & LOG_APPEND_TIME) !== 0;
  const baseMs = Number(batch.readBigInt64BE(fixed ? 35 : 27));
  const reader = new ByteReader(body);
  const records: IncomingRecord[] = [];
  let before = base - 1n;
  for (let left = count; left > 0; left -= 1) {
    const end = reader.varint() + reader.position;
    reader.position += 1;
    const deltaMs = reader.varint();
    const offset = base + BigInt(reader.varint());
    if (!(reader.position < end && end <= body.length))
      throw contradiction('a record does not end within it');
    if (offset <= before || offset > last) throw contradiction('its offsets do not ascend');
    before = offset;
    if (offset >= place.from)
      records.push(
        new FetchedRecord(place, offset, fixed ? baseMs : baseMs + deltaMs, {
          body,
          start: reader.position,
          end,
        }),
      );
    reader.position = end;
  }
  return records;
}

function contradiction(what: string): RangeError {
  return new RangeError(`its bytes contradict themselves: ${what}`);
}
