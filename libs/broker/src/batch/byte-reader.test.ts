import { expect, it } from 'vitest';
import { ByteReader, MalformedBytes } from './byte-reader.ts';

const bytesOf = (...parts: readonly (readonly [size: 2 | 4, value: number])[]): Buffer =>
  Buffer.concat(
    parts.map(([size, value]) => {
      const part = Buffer.alloc(size);
      if (size === 2) part.writeInt16BE(value);
      else part.writeInt32BE(value);
      return part;
    }),
  );

// Planted fault: with lengths below zero the text ends before it begins, and 18 bytes keep the reader busy for a minute.
it.each<[string, Buffer, (reader: ByteReader) => unknown]>([
  [
    'a list of texts that end before they begin',
    bytesOf([4, 0x7fffffff], [2, -2], [4, 0], [4, 0]),
    (reader) => reader.array(() => reader.string()),
  ],
  ['a text with a length below zero', bytesOf([2, -6], [4, 0]), (reader) => reader.string()],
  ['a text that ends behind the bytes', bytesOf([2, 3], [2, 0]), (reader) => reader.string()],
  ['bytes with a length below zero', bytesOf([4, 0]), (reader) => reader.bytes(-1)],
  [
    'a list that is longer than its bytes',
    bytesOf([4, 9], [4, 0]),
    (reader) => reader.array(() => reader.int8()),
  ],
  ['a number that the bytes end in', bytesOf([2, 0]), (reader) => reader.int32()],
  ['tags that end behind the bytes', Buffer.from([1, 0, 9]), (reader) => reader.skipTags()],
  ['a number of more than ten bytes', Buffer.alloc(12, 0xff), (reader) => reader.uvarint()],
])('%s is refused at once', (_what, bytes, read) => {
  const reader = new ByteReader(bytes);
  expect(() => read(reader)).toThrow(MalformedBytes);
  expect(reader.position).toBeLessThanOrEqual(bytes.length);
});

it('a list that is null has no items, as an empty one', () => {
  for (const count of [-1, 0]) expect(new ByteReader(bytesOf([4, count])).array(() => 1)).toEqual([]);
});
