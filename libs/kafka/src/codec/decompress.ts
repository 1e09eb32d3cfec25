import { createRequire } from 'node:module';
import { constants, gunzipSync, zstdDecompressSync } from 'node:zlib';
import { lz4Decompress } from './lz4.ts';
import { TooLarge } from './decode-budget.ts';

/** The largest window of a zstd frame, 64 MiB (2^26): it suffices for any batch within the bound. */
const ZSTD_WINDOW_LOG = 26;

/**
 * Decompresses the records of a batch by its codec. Never produces more than `limit` bytes: a few kilobytes may expand
 * to gigabytes. Throws for bytes that are not of the codec, and TooLarge.
 */
export function decompress(body: Buffer, codec: number, limit: number): Buffer {
  switch (codec) {
    case 0:
      return body;
    case 1:
      return bounded(limit, () => gunzipSync(body, { maxOutputLength: limit }));
    case 2:
      return snappyDecompress(body, limit);
    case 3:
      return lz4Decompress(body, limit);
    case 4:
      return bounded(limit, () =>
        zstdDecompressSync(body, {
          maxOutputLength: limit,
          params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
        }),
      );
    default:
      throw new RangeError(`codec ${codec} is not one of Kafka's`);
  }
}

function bounded(limit: number, work: () => Buffer): Buffer {
  try {
    return work();
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') throw new TooLarge(limit);
    throw error;
  }
}

/** The Java client frames its blocks as the xerial library does: a magic, two versions, then each block behind its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;
/** The library makes blocks of 1 KiB or more, but the last and those that were flushed; Kafka's client makes 32 KiB. */
const LEAST_OF_BLOCK = 1_024;
const SMALL_BLOCKS = 64;

interface Library {
  readonly uncompressSync: (input: Buffer, options: { readonly asBuffer: true }) => Buffer;
}

/** Loaded with the first such batch: a platform without the library reads all other codecs. */
let library: Library | undefined;

/** Decompresses snappy, raw or in the Java client's frames; the size in front of each block is checked first. */
function snappyDecompress(body: Buffer, limit: number): Buffer {
  const blocks = blocksOf(body);
  const size = blocks.reduce((sum, block) => sum + sizeOf(block), 0);
  if (size > limit) throw new TooLarge(limit);
  // A call of the library for each byte keeps the process for seconds.
  if (blocks.length > SMALL_BLOCKS + size / LEAST_OF_BLOCK)
    throw new RangeError(
      `${blocks.length} blocks of snappy for ${size} bytes: no producer makes them so small`,
    );
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
