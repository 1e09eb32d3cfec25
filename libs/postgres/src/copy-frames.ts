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

/**
 * Cuts what a socket brings into whole frames of the Postgres protocol. A frame that is cut off waits for its rest, and is
 * then a block of its own: only its bytes are copied, not those of the chunk that completes it.
 */
export class CopyFrames {
  #kept: Buffer = Buffer.alloc(0);
  #keptLength = 0;
  #begun = false;
  /** Where the copying ended: at a frame that is for others. */
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

  /** Takes the whole frames from `from` on. Returns where it stopped: at a frame that is cut off, or for others. */
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
    return at;
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

  /** Adds to the frame that was cut off what the chunk has of it, and says how much that was. */
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

  /** In a buffer of its own: what was kept before is part of a block by now. */
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
