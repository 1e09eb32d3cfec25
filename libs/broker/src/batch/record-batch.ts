import { encodeRecordBatch } from './encode-record-batch.ts';
import { BATCH_OVERHEAD, splitRecords } from './record-batch-builder.ts';
import { decodeRecords, MOST_RECORDS, recordCount } from './record-decoder.ts';
import { isBatch, undecodable } from './undecodable.ts';

/** Kafka's record batches of format 2, as bytes. */
export const recordBatch = {
  /** The bytes of a batch beside its records. */
  overhead: BATCH_OVERHEAD,
  mostRecords: MOST_RECORDS,
  isOne: isBatch,
  count: recordCount,
  encode: encodeRecordBatch,
  split: splitRecords,
  decode: decodeRecords,
  undecodable,
} as const;
