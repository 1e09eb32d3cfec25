import type { OutgoingRecord } from '../broker.ts';
import { RecordBatchBuilder } from './record-batch-builder.ts';

/** The most bytes of a varint of 32 bits: the length of a field, the number of headers. */
const LENGTH_ROOM = 5;

/** Encodes records as one uncompressed record batch without producer id (never idempotent: see the package comment). */
export function encodeRecordBatch(records: readonly OutgoingRecord[]): Buffer {
  const builder = new RecordBatchBuilder();
  for (const { key, value, headers, timestampMs } of records) {
    const place = [bytesOf(key), bytesOf(value)];
    const pairs = headers.flat().map(bytesOf);
    const room = [...place, ...pairs].reduce(
      (sum, field) => sum + LENGTH_ROOM + (field?.length ?? 0),
      LENGTH_ROOM,
    );
    builder.begin(timestampMs, room);
    for (const field of place) write(builder, field);
    builder.varint(headers.length);
    for (const field of pairs) write(builder, field);
    builder.end();
  }
  return builder.seal().bytes;
}

function bytesOf(value: string | Uint8Array | null): Buffer | null {
  return value === null ? null : Buffer.from(value as Uint8Array);
}

function write(builder: RecordBatchBuilder, field: Buffer | null): void {
  if (field === null) builder.nothing();
  else builder.value(field, 0, field.length);
}
