/**
 * Rows in the binary format of COPY: frames (`d`, length) of one tuple each.
 * A tuple is its number of fields, then each field's length and bytes. Rows stay undecoded until they are read.
 */
export interface TupleBlock {
  readonly bytes: Buffer;
  /** The start offset of the frames in the bytes; `to` is the end offset. */
  readonly from: number;
  readonly to: number;
  /** Number of tuples. */
  readonly count: number;
}

const FRAME = 5;
const COPY_DATA = 0x64;

/**
 * Iterates over the tuples of a block: `next`, then `field` for each column in turn.
 * `start` and `length` are the position in `bytes`. They are fields of the object: nothing is allocated per row.
 */
export class TupleReader {
  bytes: Buffer = Buffer.alloc(0);
  start = 0;
  /** Length of the field; −1 for null. */
  length = 0;
  /** Start offset of this tuple's frame. */
  frame = 0;
  frameEnd = 0;
  #to = 0;

  load({ bytes, from, to }: TupleBlock): void {
    this.bytes = bytes;
    this.frameEnd = from;
    this.#to = to;
  }

  next(): boolean {
    if (this.frameEnd >= this.#to) return false;
    this.frame = this.frameEnd;
    this.frameEnd = this.frame + 1 + this.#int32(this.frame + 1);
    this.start = this.frame + FRAME + 2;
    this.length = 0;
    return true;
  }

  field(): void {
    const at = this.length > 0 ? this.start + this.length : this.start;
    this.length = this.#int32(at);
    this.start = at + 4;
  }

  /** Reads the field as int8: exact up to 2^53, approximate beyond. */
  int8(): number {
    return this.#int32(this.start) * 0x1_0000_0000 + (this.#int32(this.start + 4) >>> 0);
  }

  #int32(at: number): number {
    const bytes = this.bytes;
    return (
      ((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)
    );
  }
}

/** Encodes tuples, for rows from other sources than COPY, so that readers know one format. */
export class TupleWriter {
  #bytes: Buffer;
  #at = 0;
  #frame = 0;
  #count = 0;

  constructor(capacity: number) {
    this.#bytes = Buffer.allocUnsafe(capacity);
  }

  begin(fields: number): void {
    this.#reserve(FRAME + 2);
    this.#frame = this.#at;
    this.#bytes[this.#at] = COPY_DATA;
    this.#at = this.#bytes.writeInt16BE(fields, this.#at + FRAME);
  }

  text(value: string): void {
    // A UTF-16 unit takes at most three bytes in UTF-8.
    this.#reserve(4 + value.length * 3);
    const length = this.#bytes.write(value, this.#at + 4);
    this.#at = this.#bytes.writeInt32BE(length, this.#at) + length;
  }

  int8(value: bigint): void {
    this.#reserve(12);
    this.#at = this.#bytes.writeBigInt64BE(value, this.#bytes.writeInt32BE(8, this.#at));
  }

  uuid(value: string): void {
    this.#reserve(20);
    this.#bytes.writeInt32BE(16, this.#at);
    this.#at += 4 + this.#bytes.write(value.replaceAll('-', ''), this.#at + 4, 'hex');
  }

  end(): void {
    this.#bytes.writeInt32BE(this.#at - this.#frame - 1, this.#frame + 1);
    this.#count += 1;
  }

  finish(): TupleBlock {
    return { bytes: this.#bytes, from: 0, to: this.#at, count: this.#count };
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#at + bytes, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}
