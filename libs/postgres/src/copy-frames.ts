import type { TupleBlock } from './tuples.ts';

/** `PGCOPY`, flags and the length of an extension that does not exist yet. */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const FILE_HEAD = SIGNATURE.length + 8;
const FRAME = 5;
const COPY_DATA = 0x64;
const COPY_OUT_RESPONSE = 0x48;
/** Notices and settings may come between rows. */
const BETWEEN = new Set([0x4e, 0x53, 0x41]);

export interface TakenFrames {
  readonly blocks: readonly TupleBlock[];
  /** Whole frames that are for others. */
  readonly others: readonly Buffer[];
  /** The copying is over: the bytes from the first frame behind it on. */
  readonly rest: Buffer | undefined;
}

/** Cuts what a socket brings into whole frames of the Postgres protocol. A frame that is cut off waits for its rest. */
export class CopyFrames {
  #kept: Buffer = Buffer.alloc(0);
  #keptLength = 0;
  #begun = false;

  take(chunk: Buffer): TakenFrames {
    const bytes = this.#join(chunk);
    const blocks: TupleBlock[] = [];
    const others: Buffer[] = [];
    let at = 0;
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
        flush();
        return { blocks, others, rest: bytes.subarray(at) };
      }
      if (end > bytes.length) break;
      if (code === COPY_DATA) {
        if (!this.#begun) at = this.#begin(bytes, at, end);
        // The trailer is a tuple of -1 fields.
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
    this.#keep(bytes, at);
    return { blocks, others, rest: undefined };
  }

  /** The first frame has the file's head before its tuple. Makes a frame of the tuple alone, and says where it begins. */
  #begin(bytes: Buffer, at: number, end: number): number {
    if (!bytes.subarray(at + FRAME, at + FRAME + SIGNATURE.length).equals(SIGNATURE))
      throw new Error('this is no binary COPY stream: its signature is wrong');
    this.#begun = true;
    const tupleAt = at + FILE_HEAD;
    bytes[tupleAt] = COPY_DATA;
    bytes.writeUInt32BE(end - tupleAt - 1, tupleAt + 1);
    return tupleAt;
  }

  #join(chunk: Buffer): Buffer {
    if (this.#keptLength === 0) return chunk;
    const length = this.#keptLength + chunk.length;
    if (length > this.#kept.length) {
      const frame = this.#keptLength >= FRAME ? 1 + this.#kept.readUInt32BE(1) : 0;
      const larger = Buffer.allocUnsafe(Math.max(length, frame));
      this.#kept.copy(larger, 0, 0, this.#keptLength);
      this.#kept = larger;
    }
    chunk.copy(this.#kept, this.#keptLength);
    return this.#kept.subarray(0, length);
  }

  #keep(bytes: Buffer, at: number): void {
    const left = bytes.length - at;
    // Nothing was taken out of it: it stays where it is, so that a row of many chunks is not copied again for each.
    if (at > 0 || bytes.buffer !== this.#kept.buffer || bytes.byteOffset !== this.#kept.byteOffset) {
      const frame = left >= FRAME ? 1 + bytes.readUInt32BE(at + 1) : 0;
      this.#kept = Buffer.allocUnsafe(Math.max(left, frame));
      bytes.copy(this.#kept, 0, at);
    }
    this.#keptLength = left;
  }
}
