import { TooLarge } from './decode-budget.ts';

/** Shorter pieces are copied faster byte by byte than by a call of the runtime. */
const SHORT = 32;

/** The bytes that a decompression produces: pieces of the input, and repetitions of what was produced. Never more than its limit. */
export class Output {
  readonly #limit: number;
  #bytes: Buffer;
  #length = 0;

  /** Starts with room for `expected` bytes: a compressed text may claim any size, so it is made larger only by what comes. */
  constructor(expected: number, limit: number) {
    this.#limit = limit;
    this.#bytes = Buffer.allocUnsafe(Math.min(expected, limit));
  }

  get length(): number {
    return this.#length;
  }

  /** Appends the bytes of the input from `start` to `end`. */
  append(from: Buffer, start: number, end: number): void {
    if (end > from.length) throw new RangeError('the compressed bytes end within a piece');
    let to = this.#advance(end - start);
    const bytes = this.#bytes;
    if (end - start > SHORT) from.copy(bytes, to, start, end);
    else for (let at = start; at < end; at += 1, to += 1) bytes[to] = from[at] ?? 0;
  }

  /** Appends `count` bytes again that were produced `distance` bytes before; they may be among those that are appended. */
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.#length)
      throw new RangeError(`a repetition begins ${distance} bytes before byte ${this.#length}`);
    let to = this.#advance(count);
    const bytes = this.#bytes;
    const end = to + count;
    if (count > SHORT && distance >= count) bytes.copyWithin(to, to - distance, end - distance);
    else for (let at = to - distance; to < end; at += 1, to += 1) bytes[to] = bytes[at] ?? 0;
  }

  take(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room for more bytes, and returns where they begin. */
  #advance(count: number): number {
    const start = this.#length;
    if (start + count > this.#bytes.length) this.#grow(start + count);
    this.#length = start + count;
    return start;
  }

  #grow(least: number): void {
    if (least > this.#limit) throw new TooLarge(this.#limit);
    const larger = Buffer.allocUnsafe(Math.min(Math.max(2 * this.#bytes.length, least), this.#limit));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}
