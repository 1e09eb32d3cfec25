import type { SealedRecords } from './broker.ts';
import { ByteReader } from './bytes.ts';
import { RecordBatchBuilder } from './record-batch-builder.ts';
import { BATCH_OVERHEAD } from './record-batch-head.ts';

/**
 * Two batches of the same records, the first with `count` of them. The slow path, for a batch that a broker refused as
 * too large: fields are copied as they are, offsets and timestamps counted anew.
 */
export function splitRecords(
  { length, bytes }: SealedRecords,
  count: number,
): readonly [SealedRecords, SealedRecords] {
  if (!(count > 0 && count < length))
    throw new RangeError(`a batch of ${length} records has no part of ${count}`);
  const baseMs = Number(bytes.readBigInt64BE(27));
  const reader = new ByteReader(bytes, BATCH_OVERHEAD);
  const parts = [new RecordBatchBuilder(), new RecordBatchBuilder()] as const;
  for (let at = 0; at < length; at += 1) {
    const end = reader.varint() + reader.position;
    reader.position += 1;
    const timestampMs = baseMs + reader.varint();
    reader.varint();
    const part = at < count ? parts[0] : parts[1];
    part.begin(timestampMs, end - reader.position);
    part.raw(bytes, reader.position, end);
    part.end();
    reader.position = end;
  }
  return [parts[0].seal(), parts[1].seal()];
}
