import { Output } from './output.ts';

const MAGIC = 0x184d2204;
const UNCOMPRESSED = 0x8000_0000;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
/** The shortest repetition: the format counts from it. */
const LEAST_REPEATED = 4;

/** Decompresses frames of LZ4. Their own checksums are not read: that of the batch covers all bytes. */
export function lz4Decompress(body: Buffer, limit: number): Buffer {
  const output = new Output(4 * body.length, limit);
  for (let at = 0; at < body.length;) {
    if (body.readUInt32LE(at) !== MAGIC) throw new RangeError('it is not a frame of lz4');
    const flags = body.readUInt8(at + 4);
    at += 7 + ((flags & CONTENT_SIZE) === 0 ? 0 : 8) + ((flags & DICTIONARY) === 0 ? 0 : 4);
    for (let length = body.readUInt32LE(at); length !== 0; length = body.readUInt32LE(at)) {
      const plain = length >= UNCOMPRESSED;
      const start = at + 4;
      const end = start + (plain ? length - UNCOMPRESSED : length);
      if (end > body.length) throw new RangeError('a block of lz4 is longer than its bytes');
      if (plain) output.append(body, start, end);
      else decompressBlock(body.subarray(start, end), output);
      at = end + ((flags & BLOCK_CHECKSUM) === 0 ? 0 : 4);
    }
    at += 4 + ((flags & CONTENT_CHECKSUM) === 0 ? 0 : 4);
  }
  return output.take();
}

/**
 * Decompresses a block: sequences of new bytes and a repetition, which may begin in a block before. The last has no repetition.
 * Lengths from 15 on continue in bytes of 255.
 */
function decompressBlock(block: Buffer, output: Output): void {
  const end = block.length;
  let at = 0;
  const extended = (length: number): number => {
    let sum = length;
    if (length < 15) return sum;
    for (let byte = 255; byte === 255 && at < end; at += 1) {
      byte = block[at] ?? 0;
      sum += byte;
    }
    return sum;
  };
  while (at < end) {
    const token = block[at] ?? 0;
    at += 1;
    const literals = extended(token >> 4);
    output.append(block, at, at + literals);
    at += literals;
    if (at === end) return;
    const distance = block.readUInt16LE(at);
    at += 2;
    output.repeat(distance, extended(token & 0x0f) + LEAST_REPEATED);
  }
}
