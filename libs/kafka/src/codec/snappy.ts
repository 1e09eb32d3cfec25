import { TooLarge } from './decode-budget.ts';
import { Output } from './output.ts';

/** The Java client frames its blocks as the xerial library does: a magic, two versions, then each block behind its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;
/** The lengths of a literal up to this are in its tag, longer ones in as many bytes as the tag exceeds it. */
const SHORT_LITERAL = 59;

/** Decompresses snappy, raw or in the Java client's frames. */
export function snappyDecompress(body: Buffer, limit: number): Buffer {
  const output = new Output(4 * body.length, limit);
  if (!body.subarray(0, XERIAL.length).equals(XERIAL)) decompressBlock(body, output, limit);
  else
    for (let at = XERIAL_HEADER; at < body.length;) {
      const start = at + 4;
      const end = start + body.readInt32BE(at);
      if (end <= start || end > body.length)
        throw new RangeError('a block of snappy is longer than its bytes');
      decompressBlock(body.subarray(start, end), output, limit);
      at = end;
    }
  return output.take();
}

/** Decompresses a block: its size, then literals and copies of earlier bytes. */
function decompressBlock(block: Buffer, output: Output, limit: number): void {
  const { size, length } = preambleOf(block);
  const wanted = output.length + size;
  if (wanted > limit) throw new TooLarge(limit);
  for (let at = length; at < block.length;) {
    const tag = block[at] ?? 0;
    const value = tag >> 2;
    at += 1;
    switch (tag & 3) {
      case 0: {
        const extra = Math.max(0, value - SHORT_LITERAL);
        const count = (extra === 0 ? value : block.readUIntLE(at, extra)) + 1;
        at += extra;
        output.append(block, at, at + count);
        at += count;
        break;
      }
      case 1:
        output.repeat(((tag >> 5) << 8) | block.readUInt8(at), (value & 7) + 4);
        at += 1;
        break;
      case 2:
        output.repeat(block.readUInt16LE(at), value + 1);
        at += 2;
        break;
      default:
        output.repeat(block.readUInt32LE(at), value + 1);
        at += 4;
    }
  }
  if (output.length !== wanted) throw new RangeError('a block of snappy has another size than it says');
}

/** The decompressed size of a block, a varint of 32 bits, and the length of that varint. */
function preambleOf(block: Buffer): { readonly size: number; readonly length: number } {
  let size = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = block.readUInt8(at);
    size += (byte & 0x7f) * 128 ** at;
    if (byte < 0x80) return { size, length: at + 1 };
  }
  throw new RangeError('a block of snappy has no size');
}
