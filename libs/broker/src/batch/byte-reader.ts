/** The scale behind the tenth byte, the last one of 64 bits. */
const UVARINT_END = 2 ** 70;
const END = 'the bytes end before the record does';

/** Bytes that are not what they claim to be: a length below zero, or past the end. */
export class MalformedBytes extends RangeError {
  override readonly name = 'MalformedBytes';
}

/**
 * Reads the primitive types of Kafka's protocol. The cursor is a field: loops do not share a reader. It only moves forward, and
 * never past the end: what a length claims costs nothing before its bytes are there.
 */
export class ByteReader {
  readonly buffer: Buffer;
  position: number;

  constructor(buffer: Buffer, position = 0) {
    this.buffer = buffer;
    this.position = position;
  }

  int8(): number {
    return this.buffer.readInt8(this.#advance(1));
  }

  int16(): number {
    return this.buffer.readInt16BE(this.#advance(2));
  }

  int32(): number {
    return this.buffer.readInt32BE(this.#advance(4));
  }

  int64(): bigint {
    return this.buffer.readBigInt64BE(this.#advance(8));
  }

  uvarint(): number {
    let result = 0;
    for (let scale = 1; scale < UVARINT_END; scale *= 128) {
      const byte = this.buffer.readUInt8(this.#advance(1));
      // Multiplication, not shifts: timestamps' deltas need more than 32 bits.
      result += (byte & 0x7f) * scale;
      if (byte < 0x80) return result;
    }
    throw new MalformedBytes('a number takes more than ten bytes');
  }

  /** Zig-zag coded, up to 53 bits. */
  varint(): number {
    const coded = this.uvarint();
    return coded % 2 === 0 ? coded / 2 : -(coded + 1) / 2;
  }

  bytes(length: number): Buffer {
    const start = this.skip(length);
    return this.buffer.subarray(start, start + length);
  }

  /** Skips `length` bytes; returns the position of the first. */
  skip(length: number): number {
    return this.#advance(length);
  }

  string(): string {
    return this.text(this.int16());
  }

  nullableString(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.text(length);
  }

  compactString(): string {
    return this.text(this.uvarint() - 1);
  }

  compactNullableString(): string | null {
    const length = this.uvarint() - 1;
    return length < 0 ? null : this.text(length);
  }

  text(length: number): string {
    const start = this.#advance(length);
    return this.buffer.toString('utf8', start, start + length);
  }

  array<T>(read: () => T): T[] {
    return this.#items(this.int32(), read);
  }

  compactArray<T>(read: () => T): T[] {
    return this.#items(this.uvarint() - 1, read);
  }

  /** Skips the tagged fields at the end of a structure of a flexible version. */
  skipTags(): void {
    for (let left = this.uvarint(); left > 0; left -= 1) {
      this.uvarint();
      this.#advance(this.uvarint());
    }
  }

  #items<T>(count: number, read: () => T): T[] {
    // An item takes a byte at least. A list that is null has a count below zero.
    if (count > this.buffer.length - this.position) throw new MalformedBytes(END);
    const items: T[] = [];
    for (let index = 0; index < count; index += 1) items.push(read());
    return items;
  }

  #advance(length: number): number {
    const start = this.position;
    if (!(length >= 0 && length <= this.buffer.length - start)) throw new MalformedBytes(END);
    this.position = start + length;
    return start;
  }
}
