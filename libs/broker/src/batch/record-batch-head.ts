import { crc32c } from '@node-rs/crc32';

/** Everything of a record batch (format 2) before its records. */
export const BATCH_OVERHEAD = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;

export interface BatchHead {
  /** The number of records. */
  readonly length: number;
  readonly baseMs: number;
  readonly latestMs: number;
}

/** Writes the head of an uncompressed batch whose records are there, without producer id (never idempotent). */
export function writeBatchHead(batch: Buffer, { length, baseMs, latestMs }: BatchHead): void {
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, MAGIC_AT);
  batch.writeInt16BE(0, ATTRIBUTES_AT);
  batch.writeInt32BE(length - 1, 23);
  batch.writeBigInt64BE(int64(baseMs), 27);
  batch.writeBigInt64BE(int64(latestMs), 35);
  batch.writeBigInt64BE(-1n, 43);
  batch.writeInt16BE(-1, 51);
  batch.writeInt32BE(-1, 53);
  batch.writeInt32BE(length, 57);
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
}

/** A timestamp of 2^63 - 1 is read as 2^63, the nearest number of JavaScript. */
function int64(ms: number): bigint {
  const value = BigInt(ms);
  return value === 2n ** 63n ? value - 1n : value;
}
