import type { OutgoingRecord } from '../broker.ts';
import { BATCH_OVERHEAD, writeBatchHead } from './record-batch-head.ts';

/**
 * The size of the batch on the wire, which is what a topic's `max.message.bytes` limits.
 * A caller that splits a partition's records adds up `recordSize` until this limit.
 */
export function batchSize(records: readonly OutgoingRecord[]): number {
  const base = records[0]?.timestampMs ?? 0;
  return records.reduce((sum, record, index) => sum + recordSize(record, index, base), BATCH_OVERHEAD);
}

/** Computes the size of a record in a batch; `index` is its position, `baseMs` the first record's timestamp. */
export function recordSize(record: OutgoingRecord, index: number, baseMs: number): number {
  const body = bodySize(record, index, baseMs);
  return varintSize(body) + body;
}

function bodySize(record: OutgoingRecord, index: number, baseMs: number): number {
  let size = 1 + varintSize(record.timestampMs - baseMs) + varintSize(index);
  size += sizeWithLength(record.key) + sizeWithLength(record.value) + varintSize(record.headers.length);
  for (const [name, value] of record.headers) size += sizeWithLength(name) + sizeWithLength(value);
  return size;
}

function sizeWithLength(value: string | Uint8Array | null): number {
  if (value === null) return 1;
  const length = byteLength(value);
  return varintSize(length) + length;
}

function byteLength(value: string | Uint8Array): number {
  return typeof value === 'string' ? Buffer.byteLength(value, 'utf8') : value.length;
}

function zigzag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1;
}

function varintSize(value: number): number {
  const coded = zigzag(value);
  if (coded < 0x80) return 1;
  if (coded < 0x4000) return 2;
  if (coded < 0x20_0000) return 3;
  if (coded < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = coded / 0x8_0000_0000; rest >= 1; rest /= 128) size += 1;
  return size;
}

/** Encodes records as one uncompressed record batch without producer id (never idempotent: see the package comment). */
export function encodeRecordBatch(records: readonly OutgoingRecord[]): Buffer {
  const base = records[0]?.timestampMs ?? 0;
  let total = BATCH_OVERHEAD;
  let maxTimestamp = base;
  const bodies = new Int32Array(records.length);
  records.forEach((record, index) => {
    const body = bodySize(record, index, base);
    bodies[index] = body;
    total += varintSize(body) + body;
    if (record.timestampMs > maxTimestamp) maxTimestamp = record.timestampMs;
  });
  const writer = new RecordWriter(Buffer.allocUnsafe(total), BATCH_OVERHEAD);
  records.forEach((record, index) => writer.record(record, bodies[index] ?? 0, index, base));
  writeBatchHead(writer.buffer, { length: records.length, baseMs: base, latestMs: maxTimestamp });
  return writer.buffer;
}

class RecordWriter {
  readonly buffer: Buffer;
  #at: number;

  constructor(buffer: Buffer, at: number) {
    this.buffer = buffer;
    this.#at = at;
  }

  record(record: OutgoingRecord, body: number, index: number, baseMs: number): void {
    this.#varint(body);
    this.buffer[this.#at++] = 0;
    this.#varint(record.timestampMs - baseMs);
    this.#varint(index);
    this.#value(record.key);
    this.#value(record.value);
    this.#varint(record.headers.length);
    for (const [name, value] of record.headers) {
      this.#value(name);
      this.#value(value);
    }
  }

  #value(value: string | Uint8Array | null): void {
    if (value === null) {
      this.#varint(-1);
    } else if (typeof value === 'string') {
      const length = Buffer.byteLength(value, 'utf8');
      this.#varint(length);
      this.#at += this.buffer.write(value, this.#at, length, 'utf8');
    } else {
      this.#varint(value.length);
      this.buffer.set(value, this.#at);
      this.#at += value.length;
    }
  }

  #varint(value: number): void {
    let coded = zigzag(value);
    while (coded > 0x7f) {
      this.buffer[this.#at++] = (coded % 128) | 0x80;
      coded = Math.floor(coded / 128);
    }
    this.buffer[this.#at++] = coded;
  }
}
