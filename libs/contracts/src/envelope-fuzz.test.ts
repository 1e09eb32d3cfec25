import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ContractError } from './index.ts';
import { receive, WIRE } from './engine.ts';
import type { WireRecord } from './envelope.ts';
import { decoded, minimal, placed, record } from './fixture/records.ts';

const bytes = fc.uint8Array({ maxLength: 40 });
const names = fc.oneof(
  fc.constantFrom(...Object.values(WIRE), '__proto__', 'constructor', 'CE_ID', ''),
  fc.string(),
);
const hostileValue = fc.oneof(
  bytes,
  fc.constant(null),
  fc
    .constantFrom('1.0', '1.2.3', '2026-01-01T00:00:00Z', '\r\n', '1e999', 'urn:converge:x:0')
    .map((text) => new TextEncoder().encode(text)),
);

const picture = (one: WireRecord): string =>
  JSON.stringify([one.key, one.value, one.headers], (_, value: unknown) =>
    value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );

describe('hostile records', () => {
  it('N8: hostile records give an envelope or a typed error, and are never modified', () => {
    const hostile: fc.Arbitrary<WireRecord> = fc.record({
      topic: fc.string(),
      partition: fc.nat(),
      offset: fc.bigInt(),
      timestampMs: fc.oneof(fc.integer(), fc.constantFrom(NaN, Infinity, -1)),
      key: fc.oneof(bytes, fc.constant(null)),
      value: fc.oneof(
        bytes,
        fc.constant(null),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      headers: fc.oneof(
        fc.array(fc.tuple(names, hostileValue), { maxLength: 30 }),
        // Mostly valid, so that the fuzz passes the checks of required headers.
        fc
          .array(fc.tuple(names, hostileValue), { maxLength: 3 })
          .map((extra) => [...record(minimal).headers, ...extra]),
      ),
    });
    let envelopes = 0;
    fc.assert(
      fc.property(hostile, (one) => {
        const before = picture(one);
        const result = decoded(one);
        if (typeof result === 'object') {
          envelopes += 1;
          expect(result.time.toISOString()).toMatch(/^\d/);
          try {
            receive(result, placed);
          } catch (error) {
            expect(error).toBeInstanceOf(ContractError);
          }
        }
        expect(picture(one)).toBe(before);
        // A driver may pass decoded headers, too. Planted fault: U+FFFD taken for the text fails here.
        const headerTexts = one.headers.flatMap(([name, value]) => [
          name,
          value === null ? null : Buffer.from(value).toString('utf8'),
        ]);
        expect(decoded({ ...one, headerTexts })).toEqual(result);
      }),
      { numRuns: 5000 },
    );
    expect(envelopes).toBeGreaterThan(100);
  });

  it('N8: hostile payloads never crash the parser', () => {
    const payloads = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom('{"__proto__":{}}', 'null', '[]', '0', '""'),
    );
    fc.assert(
      fc.property(payloads, fc.oneof(fc.integer(), fc.double()), (payload, version) => {
        try {
          placed.parse(payload, version);
        } catch (error) {
          expect(error).toBeInstanceOf(ContractError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
