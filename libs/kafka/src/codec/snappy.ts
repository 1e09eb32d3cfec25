import { createRequire } from 'node:module';
import { TooLarge } from './too-large.ts';

/** The Java client frames its blocks as the xerial library does: a magic, two versions, then each block behind its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

interface Library {
  readonly uncompressSync: (input: Buffer, options: { readonly asBuffer: true }) => Buffer;
}

/** Loaded with the first such batch: a platform without the library reads all other codecs. */
let library: Library | undefined;

/** Decompresses snappy, raw or in the Java client's frames; the size in front of each block is checked first. */
export function snappyDecompress(body: Buffer, limit: number): Buffer {
  const blocks = blocksOf(body);
  const size = blocks.reduce((sum, block) => sum + sizeOf(block), 0);
  if (size > limit) throw new TooLarge(limit);
  library ??= createRequire(import.meta.url)('snappy') as Library;
  const { uncompressSync } = library;
  return Buffer.concat(blocks.map((block) => uncompressSync(block, { asBuffer: true })));
}

function blocksOf(body: Buffer): readonly Buffer[] {
  if (!body.subarray(0, XERIAL.length).equals(XERIAL)) return [body];
  const blocks: Buffer[] = [];
  for (let at = XERIAL_HEADER; at < body.length;) {
    const end = at + 4 + body.readInt32BE(at);
    if (end <= at + 4 || end > body.length)
      throw new RangeError('a block of snappy is longer than its bytes');
    blocks.push(body.subarray(at + 4, end));
    at = end;
  }
  return blocks;
}

/** The decompressed size of a block, from its preamble: a varint of 32 bits. */
function sizeOf(block: Buffer): number {
  let size = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = block.readUInt8(at);
    size += (byte & 0x7f) * 128 ** at;
    if (byte < 0x80) return size;
  }
  throw new RangeError('a block of snappy has no size');
}
