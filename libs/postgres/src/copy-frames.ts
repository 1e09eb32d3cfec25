import type { TupleBlock } from './tuples.ts';

/** The head of a stream: `PGCOPY`, flags and the length of an unused extension. */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const FILE_HEAD = SIGNATURE.length + 8;
const FRAME = 5;
const COPY_DATA = 0x64;
const COPY_OUT_RESPONSE = 0x48;
/** Notices and settings, which may occur between rows. */
const BETWEEN = new Set([0x4e, 0x53, 0x41]);

export interface TakenFrames {
  readonly blocks: readonly TupleBlock[];
  /** Whole frames for pg's own parser. */
  readonly others: readonly Buffer[];
  /** Set at the end of the copy: the bytes from the next frame on. */
  readonly rest: Buffer | undefined;
}

/**
 * Splits the chunks of a socket into whole frames of the Postgres protocol.
 * An incomplete frame waits for its rest and becomes a block of its own: only its bytes are copied, not the chunk that
 * completes it.
 */
export class CopyFrames {
  #kept: Buffer = Buffer.alloc(0);
  #keptLength = 0;
  #begun = false;
  /** True after the end of the copy. Later frames are for pg's parser. */
  #over = false;

  take(chunk: Buffer): TakenFrames {
    const blocks: TupleBlock[] = [];
    const others: Buffer[] = [];
    let at = 0;
    if (this.#keptLength > 0) {
      at = this.#complete(chunk);
      const frame = this.#kept.subarray(0, this.#keptLength);
      if (!isWhole(frame)) return { blocks, others, rest: undefined };
      this.#keptLength = 0;
      this.#cut(frame, 0, blocks, others);
      if (this.#over) return { blocks, others, rest: Buffer.concat([frame, chunk.subarray(at)]) };
    }
    at = this.#cut(chunk, at, blocks, others);
    if (this.#over) return { blocks, others, rest: chunk.subarray(at) };
    this.#keep(chunk, at);
    return { blocks, others, rest: undefined };
  }

  /** Takes whole frames from `start` on. Returns the offset of the first one that is incomplete or for pg's parser. */
  #cut(bytes: Buffer, start: number, blocks: TupleBlock[], others: Buffer[]): number {
    let at = start;
    let from = 0;
    let count = 0;
    const flush = (): void => {
      if (count > 0) blocks.push({ bytes, from, to: at, count });
      count = 0;
    };
    while (at + FRAME <= bytes.length) {
      const code = bytes[at] ?? 0;
      const end = at + 1 + bytes.readUInt32BE(at + 1);
      if (code !== COPY_DATA && code !== COPY_OUT_RESPONSE && !BETWEEN.has(code)) {
        this.#over = true;
        break;
      }
      if (end > bytes.length) break;
      if (code === COPY_DATA) {
        if (!this.#begun) at = this.#begin(bytes, at, end);
        // The trailer is a tuple of −1 fields.
        if (end - at <= FRAME + 2) flush();
        else {
          if (count === 0) from = at;
          count += 1;
        }
      } else {
        flush();
        if (code !== COPY_OUT_RESPONSE) others.push(bytes.subarray(at, end));
      }
      at = end;
    }
    flush();
    return at;
  }

  /** Strips the head of the stream from the first frame. Returns the offset of its tuple's frame. */
  #begin(bytes: Buffer, at: number, end: number): number {
    if (!bytes.subarray(at + FRAME, at + FRAME + SIGNATURE.length).equals(SIGNATURE))
      throw new Error('this is not a binary COPY stream: its signature is wrong');
    this.#begun = true;
    const tupleAt = at + FILE_HEAD;
    bytes[tupleAt] = COPY_DATA;
    bytes.writeUInt32BE(end - tupleAt - 1, tupleAt + 1);
    return tupleAt;
  }

  /** Appends the chunk's bytes to the incomplete frame. Returns their number. */
  #complete(chunk: Buffer): number {
    let used = this.#add(chunk, 0, FRAME);
    if (this.#keptLength >= FRAME) used = this.#add(chunk, used, lengthOf(this.#kept));
    return used;
  }

  #add(chunk: Buffer, from: number, length: number): number {
    const missing = Math.min(length - this.#keptLength, chunk.length - from);
    if (missing <= 0) return from;
    if (length > this.#kept.length) {
      const larger = Buffer.allocUnsafe(length);
      this.#kept.copy(larger, 0, 0, this.#keptLength);
      this.#kept = larger;
    }
    chunk.copy(this.#kept, this.#keptLength, from, from + missing);
    this.#keptLength += missing;
    return from + missing;
  }

  /** Copies the incomplete frame to a new buffer: the previous one belongs to a block. */
  #keep(chunk: Buffer, at: number): void {
    const left = chunk.length - at;
    if (left === 0) return;
    this.#kept = Buffer.allocUnsafe(left >= FRAME ? lengthOf(chunk.subarray(at)) : FRAME);
    chunk.copy(this.#kept, 0, at);
    this.#keptLength = left;
  }
}

function lengthOf(frame: Buffer): number {
  return 1 + frame.readUInt32BE(1);
}

function isWhole(frame: Buffer): boolean {
  return frame.length >= FRAME && frame.length >= lengthOf(frame);
}
