import { createRequire } from 'node:module';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decompress } from './decompress.ts';
import { lz4Size } from './lz4.ts';

const require = createRequire(import.meta.url);
const { compressSync } = require('snappy') as { compressSync: (input: Buffer) => Buffer };
const { compressFrameSync } = require('lz4-napi') as {
  compressFrameSync: (input: Buffer, options?: object) => Buffer;
};

/** Frames a body as the Java client does, in blocks of 32 KiB. */
function xerial(body: Buffer): Buffer {
  const parts: Buffer[] = [Buffer.from('82534e41505059000000000100000001', 'hex')];
  for (let at = 0; at < body.length; at += 32_768) {
    const block = compressSync(body.subarray(at, at + 32_768));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    parts.push(length, block);
  }
  return Buffer.concat(parts);
}

const codecs: readonly (readonly [name: string, codec: number, compress: (body: Buffer) => Buffer])[] = [
  ['gzip', 1, (body) => gzipSync(body)],
  ['snappy', 2, compressSync],
  ['snappy in the frames of the Java client', 2, xerial],
  ['lz4', 3, (body) => compressFrameSync(body)],
  [
    'lz4 with checksums',
    3,
    (body) => compressFrameSync(body, { contentChecksum: true, blockChecksums: true }),
  ],
  ['zstd', 4, (body) => zstdCompressSync(body)],
];
const LIMIT = 1_000_000;

// Seen to fail without the bound: a megabyte of such blocks keeps a reader for more than a second.
it('blocks of snappy that are smaller than a producer makes them are refused before one is decompressed', () => {
  const blocks = (count: number, size: number): Buffer => {
    const block = compressSync(Buffer.alloc(size));
    const length = Buffer.alloc(4);
    length.writeInt32BE(block.length);
    const magic = Buffer.from('82534e41505059000000000100000001', 'hex');
    return Buffer.concat([magic, ...Array.from({ length: count }, () => [length, block]).flat()]);
  };
  expect(() => decompress(blocks(10_000, 1), 2, LIMIT)).toThrow(/10000 blocks of snappy for 10000 bytes/);
  expect(decompress(blocks(60, 1), 2, LIMIT)).toHaveLength(60);
  expect(decompress(blocks(900, 1_024), 2, LIMIT)).toHaveLength(900 * 1_024);
});

describe.each(codecs)('decompression of %s', (_, codec, compress) => {
  const bodies = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 600 }))
    .map(([piece, times]) => Buffer.concat(Array.from({ length: times }, () => piece)));

  it('decompression returns what was compressed', () => {
    fc.assert(fc.property(bodies, (body) => decompress(compress(body), codec, LIMIT).equals(body)));
  });

  // Planted fault: without the bound of gzip or of zstd a few kilobytes become as much memory as they say.
  it('G4e: decompression refuses more than the bound, and returns exactly the bound', () => {
    expect(decompress(compress(Buffer.alloc(LIMIT)), codec, LIMIT)).toHaveLength(LIMIT);
    expect(() => decompress(compress(Buffer.alloc(LIMIT + 1)), codec, LIMIT)).toThrow(/maxBatchBytes/);
    const bomb = compress(Buffer.alloc(100_000_000));
    expect(() => decompress(bomb, codec, LIMIT)).toThrow(/maxBatchBytes/);
  });

  it('decompression of damaged bytes is an error or other bytes, never more than the bound and never a crash', () => {
    const damages = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(bodies, damages, fc.nat(), (body, spoils, cut) => {
        const bytes = Buffer.from(compress(body));
        for (const [at, byte] of spoils) bytes[at % bytes.length] = byte;
        const sent = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
        try {
          expect(decompress(sent, codec, LIMIT).length).toBeLessThanOrEqual(LIMIT);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
  });
});

it('lz4Size counts the decompressed size to the byte', () => {
  const body = Buffer.from('a rose is a rose is a rose '.repeat(5_000));
  for (const options of [{}, { blockChecksums: true }, { contentChecksum: true }]) {
    const frame = compressFrameSync(body, options);
    expect(lz4Size(frame, LIMIT)).toBe(body.length);
    expect(lz4Size(Buffer.concat([frame, frame]), LIMIT)).toBe(2 * body.length);
  }
});
