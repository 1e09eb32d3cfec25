import { createRequire } from 'node:module';
import { TooLarge } from './decode-budget.ts';

const MAGIC = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;

interface Library {
  readonly decompressFrameSync: (input: Buffer) => Buffer;
}

/** Loaded with the first such batch: a platform without the library reads all other codecs. */
let library: Library | undefined;

/** Decompresses LZ4 frames, after counting their size: a frame may claim any size. */
export function lz4Decompress(body: Buffer, limit: number): Buffer {
  if (lz4Size(body, limit) > limit) throw new TooLarge(limit);
  library ??= createRequire(import.meta.url)('lz4-napi') as Library;
  return library.decompressFrameSync(body);
}

/** Counts the decompressed size of frames by their sequences, without a copy. Ends soon after `limit`. */
export function lz4Size(bytes: Buffer, limit: number): number {
  let size = 0;
  for (let at = 0; at < bytes.length && size <= limit;) {
    if (bytes.readUInt32LE(at) !== MAGIC) throw new RangeError('it is not a frame of lz4');
    const flags = bytes.readUInt8(at + 4);
    at += 7 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8) + ((flags & DICTIONARY) === 0 ? 0 : 4);
    for (let length = bytes.readUInt32LE(at); length !== 0; length = bytes.readUInt32LE(at)) {
      const plain = length >= UNCOMPRESSED;
      const start = at + 4;
      const end = start + (plain ? length - UNCOMPRESSED : length);
      if (end > bytes.length) throw new RangeError('a block of lz4 is longer than its bytes');
      size += plain ? end - start : blockSize(bytes, start, end, limit);
      if (size > limit) return size;
      at = end + ((flags & BLOCK_CHECKSUM) === 0 ? 0 : 4);
    }
    at += 4 + ((flags & CONTENT_CHECKSUM) === 0 ? 0 : 4);
  }
  return size;
}

/**
 * Computes the decompressed size of a block: sequences of literals and copies of earlier bytes. Lengths from 15 on
 * continue in bytes of 255.
 */
function blockSize(bytes: Buffer, start: number, end: number, limit: number): number {
  let size = 0;
  let at = start;
  const extended = (length: number): number => {
    let sum = length;
    if (length < 15) return sum;
    for (let byte = 255; byte === 255 && at < end; at += 1) {
      byte = bytes[at] ?? 0;
      sum += byte;
    }
    return sum;
  };
  while (at < end && size <= limit) {
    const token = bytes[at] ?? 0;
    at += 1;
    const literals = extended(token >> 4);
    size += literals;
    at += literals;
    if (at >= end) break;
    at += 2;
    size += extended(token & 0x0f) + 4;
  }
  return size;
}
