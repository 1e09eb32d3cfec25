import { crc32c } from '@node-rs/crc32';
import type { SealedRecords } from '../broker.ts';
import { ByteReader } from './byte-reader.ts';

/** Everything of a record batch (format 2) before its records. */
export const BATCH_OVERHEAD = 61;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
/** The first record's timestamp, from which the others are counted, and the latest one. */
const BASE_AT = 27;
const LATEST_AT = 35;
/** The length in bytes below which a loop is faster than a native copy. */
const NATIVE_COPY_FROM = 28;
const FIRST_CAPACITY = 4_096;
/** A record's own framing: length, attributes, timestamp and offset delta. */
const RECORD_FRAME = 22;

/**
 * An open record batch (format 2), written into one buffer that grows. A record is `begin`, its fields in the order of
 * the wire (key, value, number of headers, name and value of each), `end`. Nothing is allocated per record. The cursor
 * is a field on purpose: Node 24 compiled a cursor in a module variable wrongly when the code was hot.
 */
export class RecordBatchBuilder {
  #buffer: Buffer;
  #at = BATCH_OVERHEAD;
  #length = 0;
  #base = 0;
  #latest = 0;
  #start = BATCH_OVERHEAD;
  /** Size of the next record's length field, as of the last record. */
  #lengthSize = 2;
  #sealed: SealedRecords | undefined;

  /** Writes into `buffer`, as far as it goes, if one is given. */
  constructor(buffer: Buffer = Buffer.allocUnsafe(FIRST_CAPACITY)) {
    this.#buffer = buffer;
  }

  /** The buffer, for the next builder: the sealed batch must not be read any more. */
  get buffer(): Buffer {
    return this.#buffer;
  }

  /** Records that have ended. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of the batch, as a topic's `max.message.bytes` counts them. */
  get size(): number {
    return this.#at;
  }

  /** Begins a record; `room` is the most bytes that its fields can take, their lengths included. */
  begin(timestampMs: number, room: number): void {
    if (this.#sealed !== undefined) throw new Error('a sealed batch takes no more records');
    this.#start = this.#at;
    this.#reserve(room + RECORD_FRAME);
    if (this.#length === 0) this.#base = this.#latest = timestampMs;
    else if (timestampMs > this.#latest) this.#latest = timestampMs;
    this.#at += this.#lengthSize;
    this.#buffer[this.#at++] = 0;
    this.varint(timestampMs - this.#base);
    this.varint(this.#length);
  }

  /** Writes a field: the length, then the bytes. */
  value(source: Buffer, from: number, to: number): void {
    this.varint(to - from);
    this.raw(source, from, to);
  }

  nothing(): void {
    this.varint(-1);
  }

  /** Writes fields that are encoded already. */
  raw(source: Buffer, from: number, to: number): void {
    const buffer = this.#buffer;
    if (to - from >= NATIVE_COPY_FROM) source.copy(buffer, this.#at, from, to);
    else for (let at = this.#at, next = from; next < to; next += 1, at += 1) buffer[at] = source[next] ?? 0;
    this.#at += to - from;
  }

  varint(value: number): void {
    let coded = value >= 0 ? value * 2 : -value * 2 - 1;
    while (coded > 0x7f) {
      // No shifts: the distance between two timestamps may need more than 32 bits.
      this.#buffer[this.#at++] = (coded % 128) | 0x80;
      coded = Math.floor(coded / 128);
    }
    this.#buffer[this.#at++] = coded;
  }

  end(): void {
    if (this.#at > this.#buffer.length)
      throw new RangeError(
        'a record is larger than the room that begin() was given: pass the size of all its fields',
      );
    const bodyAt = this.#start + this.#lengthSize;
    const body = this.#at - bodyAt;
    const size = lengthSizeOf(body);
    if (size !== this.#lengthSize) {
      this.#reserve(size);
      this.#buffer.copyWithin(this.#start + size, bodyAt, this.#at);
      this.#lengthSize = size;
    }
    this.#at = this.#start;
    this.varint(body);
    this.#at += body;
    this.#length += 1;
  }

  /**
   * Returns the batch with its checksum. Repeated calls return the same batch, so that a resend is equal to the byte.
   */
  seal(): SealedRecords {
    if (this.#sealed !== undefined) return this.#sealed;
    const bytes = this.#buffer.subarray(0, this.#at);
    this.#writeHead(bytes);
    this.#sealed = { length: this.#length, bytes };
    return this.#sealed;
  }

  /** Writes the head of an uncompressed batch whose records are there, without producer id (never idempotent). */
  #writeHead(batch: Buffer): void {
    batch.writeBigInt64BE(0n, 0);
    batch.writeInt32BE(batch.length - LENGTH_AT - 4, LENGTH_AT);
    batch.writeInt32BE(-1, 12);
    batch.writeInt8(2, MAGIC_AT);
    batch.writeInt16BE(0, ATTRIBUTES_AT);
    batch.writeInt32BE(this.#length - 1, 23);
    batch.writeBigInt64BE(int64(this.#base), BASE_AT);
    batch.writeBigInt64BE(int64(this.#latest), LATEST_AT);
    batch.writeBigInt64BE(-1n, 43);
    batch.writeInt16BE(-1, 51);
    batch.writeInt32BE(-1, 53);
    batch.writeInt32BE(this.#length, 57);
    batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)), CRC_AT);
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** A timestamp of 2^63 - 1 is read as 2^63, the nearest number of JavaScript. */
function int64(ms: number): bigint {
  const value = BigInt(ms);
  return value === 2n ** 63n ? value - 1n : value;
}

function lengthSizeOf(body: number): number {
  if (body < 0x40) return 1;
  if (body < 0x2000) return 2;
  if (body < 0x10_0000) return 3;
  return body < 0x800_0000 ? 4 : 5;
}

/**
 * Moves the timestamps of a batch, all by the same time, so that the latest is `earliestMs` at least. The given bytes stay
 * as they are: a driver may still be writing them.
 */
export function stampedFrom(sealed: SealedRecords, earliestMs: number): SealedRecords {
  const { length, bytes } = sealed;
  const shift = BigInt(Math.floor(earliestMs)) - bytes.readBigInt64BE(LATEST_AT);
  if (shift <= 0n) return sealed;
  const moved = Buffer.from(bytes);
  for (const at of [BASE_AT, LATEST_AT]) moved.writeBigInt64BE(bytes.readBigInt64BE(at) + shift, at);
  moved.writeUInt32BE(crc32c(moved.subarray(ATTRIBUTES_AT)), CRC_AT);
  return { length, bytes: moved };
}

/**
 * Splits a batch in two, the first with `count` records. The slow path, for a batch that a broker refused as too large:
 * fields are copied as they are, offsets and timestamps are counted anew.
 */
export function splitRecords(
  { length, bytes }: SealedRecords,
  count: number,
): readonly [SealedRecords, SealedRecords] {
  if (!(count > 0 && count < length))
    throw new RangeError(`a batch of ${length} records cannot be split after record ${count}`);
  const baseMs = Number(bytes.readBigInt64BE(BASE_AT));
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
