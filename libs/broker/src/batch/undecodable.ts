import { createHash } from 'node:crypto';
import type { IncomingRecord, UndecodableBatch } from '../broker.ts';
import { BATCH_OVERHEAD } from './record-batch-builder.ts';

/** True when the bytes are a record batch of format 2, whole or damaged. */
export function isBatch(batch: Buffer): boolean {
  return batch.length >= BATCH_OVERHEAD && batch.readInt8(16) === 2;
}

/** Represents a batch as one record, with its offsets, its hash and its bytes. */
export function undecodable(
  batch: Buffer,
  { topic, partition, from }: { readonly topic: string; readonly partition: number; readonly from: bigint },
  last: bigint,
  why: string,
): IncomingRecord {
  const base = batch.readBigInt64BE(0);
  const found = batchAt(batch, base < from || base > last ? from : base, last, why);
  const timestampMs = isBatch(batch) ? Number(batch.readBigInt64BE(35)) : -1;
  return {
    topic,
    partition,
    offset: last,
    timestampMs,
    key: null,
    value: batch,
    headers: [],
    undecodable: found,
  };
}

/** Describes bytes that cannot be decoded. */
export function batchAt(
  bytes: Buffer,
  firstOffset: bigint,
  lastOffset: bigint,
  why: string,
): UndecodableBatch {
  return { firstOffset, lastOffset, sha256: createHash('sha256').update(bytes).digest('hex'), why };
}
