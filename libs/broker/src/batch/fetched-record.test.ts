import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordBatchBuilder } from './record-batch-builder.ts';
import { decodeSealed } from './record-decoder.ts';

type Header = readonly [name: string, value: Uint8Array | null];

function fetched(all: readonly (readonly Header[])[]) {
  const builder = new RecordBatchBuilder();
  const field = (bytes: Uint8Array): void => builder.value(Buffer.from(bytes), 0, bytes.length);
  for (const headers of all) {
    // Four headers of 200 characters with values as long.
    builder.begin(0, 2_000);
    builder.varint(-1);
    builder.varint(-1);
    builder.varint(headers.length);
    for (const [name, value] of headers) {
      field(Buffer.from(name));
      if (value === null) builder.varint(-1);
      else field(value);
    }
    builder.end();
  }
  return all.length === 0 ? [] : decodeSealed(builder.seal(), 't', 0);
}

/**
 * Names and values that come again, are each other's beginnings, or are no text. Planted faults, all fail here: bytes
 * compared without their length; a value kept under the name of another; a kept text without its bytes.
 */
it('a fetched record decodes its headers to text independently of the records before', () => {
  const name = fc.constantFrom('ce_type', 'ce_typ', 'ce_id', 'x', '', 'n'.repeat(200));
  const value = fc.oneof(
    fc.constantFrom('a', 'ab', 'abc', '', 'ü', '\ufffd', 'v'.repeat(200)).map((text) => Buffer.from(text)),
    fc.constantFrom(Buffer.from([0xff]), Buffer.from([0x61, 0xc3]), null),
    fc.nat(99).map((n) => Buffer.from(`id-${n}`)),
  );
  const kind = fc.array(fc.tuple(name, value), { maxLength: 4 });
  const run = fc.tuple(kind, fc.integer({ min: 1, max: 12 }));
  fc.assert(
    fc.property(fc.array(run, { maxLength: 8 }), (runs) => {
      const all = runs.flatMap(([headers, times]) => Array.from({ length: times }, () => headers));
      const records = fetched(all);
      expect(records.map(({ headers }) => headers)).toEqual(
        all.map((headers) =>
          headers.map(([name, value]) => [name, value === null ? null : Buffer.from(value)]),
        ),
      );
      expect(records.map(({ headerTexts }) => headerTexts)).toEqual(
        all.map((headers) =>
          headers.flatMap(([name, value]) => [
            name,
            value === null ? null : Buffer.from(value).toString('utf8'),
          ]),
        ),
      );
    }),
    { numRuns: 300 },
  );
});
