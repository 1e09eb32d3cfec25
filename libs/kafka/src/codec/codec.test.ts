import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, inject, it } from 'vitest';
import { decompress } from './decompress.ts';

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
/** Bodies that are tried with each codec. */
const RUNS = { numRuns: inject('full') ? 300 : 30 };
const NOISE = createHash('shake256', { outputLength: 70_000 }).update('noise').digest();

describe.each(codecs)('decompression of %s', (_, codec, compress) => {
  // Repeated pieces, between bytes that no codec makes smaller: literals and repetitions of all lengths.
  const bodies = fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 600 }), fc.nat(70_000))
    .map(([piece, times, noise]) =>
      Buffer.concat([
        ...Array.from({ length: times }, () => piece),
        NOISE.subarray(0, noise),
        ...Array.from({ length: times }, () => piece),
      ]),
    );

  it('decompression returns what was compressed', () => {
    fc.assert(
      fc.property(bodies, (body) => decompress(compress(body), codec, LIMIT).equals(body)),
      RUNS,
    );
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
      { seed: 11, ...RUNS },
    );
  });
});

it('frames of lz4 that follow each other are one text, with any of their checksums', () => {
  const body = Buffer.from('a rose is a rose is a rose '.repeat(5_000));
  for (const options of [{}, { blockChecksums: true }, { contentChecksum: true }]) {
    const frame = compressFrameSync(body, options);
    expect(decompress(Buffer.concat([frame, frame]), 3, LIMIT).equals(Buffer.concat([body, body]))).toBe(
      true,
    );
  }
});

const start = 'x'.repeat(70);
/** A block of snappy that says its size, with the start as a literal, and further elements in hexadecimal. */
const snappyBlock = (size: number, elements: string): Buffer =>
  Buffer.concat([
    Buffer.from([0x80 | (size & 0x7f), size >> 7, 60 << 2, start.length - 1]),
    Buffer.from(start),
    Buffer.from(elements, 'hex'),
  ]);

// Compressors make no offsets of four bytes, and no element that is too short or too far.
it('a block of snappy has copies with offsets of one, two and four bytes', () => {
  const elements = '08414243' + '0503' + '0e0300' + '0f03000000';
  expect(decompress(snappyBlock(70 + 3 + 5 + 4 + 4, elements), 2, LIMIT).toString()).toBe(
    `${start}ABCABCABCABCABCA`,
  );
});

it.each([
  ['a copy from before its first byte', 74, '0e4700', /begins 71 bytes before byte 70/],
  ['a copy of its own first byte', 74, '0e0000', /begins 0 bytes before/],
  ['a literal past its end', 74, '0c41', /end within a piece/],
  ['more bytes than it says', 73, '0e0100', /another size/],
  ['fewer bytes than it says', 75, '0e0100', /another size/],
])('a block of snappy with %s is refused', (_, size, elements, why) => {
  expect(() => decompress(snappyBlock(size, elements), 2, LIMIT)).toThrow(why);
});

it('a sequence of lz4 that begins before its first byte is refused', () => {
  const frame = compressFrameSync(Buffer.from('ab'.repeat(100)));
  const first = 7 + ((frame[4] ?? 0) & 0x08 ? 8 : 0) + 4;
  // After the token come two literals, then the distance.
  frame.writeUInt16LE(3, first + 3);
  expect(() => decompress(frame, 3, LIMIT)).toThrow(/begins 3 bytes before byte 2/);
});
