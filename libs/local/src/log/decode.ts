import {
  BATCH_OVERHEAD,
  decodeRecords,
  type IncomingRecord,
  isBatch,
  type Place,
  undecodable,
} from '@convergekit/broker/engine';
import type { FoundBatch } from './fetch-sql.ts';

const CODEC = 0x07;

/** Decodes a batch at its place in the log. A batch that cannot be decoded is one record that says so. */
export function decodeBatch(
  { bytes, records, lastOffset }: FoundBatch,
  place: Place,
): readonly IncomingRecord[] {
  if (!isBatch(bytes))
    return [undecodable(headed(bytes), place, lastOffset, 'it is no record batch of format 2')];
  // The checksum does not cover the offset.
  bytes.writeBigInt64BE(lastOffset - BigInt(records) + 1n, 0);
  const codec = bytes.readInt16BE(21) & CODEC;
  if (codec !== 0)
    return [undecodable(bytes, place, lastOffset, `local mode does not decode codec ${codec}`)];
  try {
    return decodeRecords(bytes, bytes.subarray(BATCH_OVERHEAD), place, lastOffset);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [undecodable(bytes, place, lastOffset, error.message)];
  }
}

/** `undecodable` reads the first offset from the head. */
function headed(bytes: Buffer): Buffer {
  return bytes.length >= 8 ? bytes : Buffer.concat([bytes, Buffer.alloc(8 - bytes.length)]);
}
