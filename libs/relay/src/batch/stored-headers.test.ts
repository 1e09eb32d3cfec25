import { contextHeaders, RELAY_HEADERS, WIRE } from '@convergekit/contracts/engine';
import { describe, expect, test } from 'vitest';
import { HeaderScan } from './stored-headers.ts';

/**
 * Code that was removed once, and a test here failed: the refusal of a name that comes twice, of a name that begins with a digit, of a
 * backslash, and of a control character; the end of the text behind the brace.
 */
import fc from 'fast-check';

/** Returns the headers as the scan finds them; undefined where the text must be parsed. */
function scanned(text: string, scan = new HeaderScan()): [string, string][] | undefined {
  const bytes = Buffer.from(`before${text}"behind`);
  if (!scan.scan(bytes, 6, bytes.length - 7)) return undefined;
  const { places, count } = scan;
  return Array.from({ length: count }, (_, at) => [
    bytes.toString('utf8', places[at * 4], places[at * 4 + 1]),
    bytes.toString('utf8', places[at * 4 + 2], places[at * 4 + 3]),
  ]);
}

/** Returns the headers by JSON.parse. */
function parsed(text: string): [string, string][] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const entries = Object.entries(value) as [string, unknown][];
    return entries.filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string' && !RELAY_HEADERS.has(entry[0]),
    );
  } catch {
    return undefined;
  }
}

const emitted = {
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
  ...contextHeaders(
    { type: 'shop.order.placed', version: 2 },
    { correlationId: 'c', causationId: 'k', hops: 3 },
  ),
  tenant: 'café',
};
const stored = JSON.stringify(emitted);

describe('a scan', () => {
  test('a scan finds the headers of a real emit without parsing, written by the kit or by converge.emit', () => {
    expect(scanned(stored)).toEqual(Object.entries(emitted));
    const bySql =
      '{"ce_dataschema" : "urn:converge:a:1", "content-type" : "application/json", "ce_correlationid" : "x"}';
    expect(scanned(bySql)).toEqual(parsed(bySql));
    expect(scanned('{}')).toEqual([]);
  });

  test.each([
    '{"a":"1","a":"2"}',
    '{"b":"1","1":"2"}',
    '{"a":"\\u00e9"}',
    '{"a":"a\\"b"}',
    '{"a":"tab\there"}',
    '{"a":1}',
    '{"a":"b"} x',
    '{"a":"b",}',
    '{"a":"b"',
    '{"a":"b" "c":"d"}',
    '["a"]',
    'null',
    '',
    JSON.stringify(Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, 'v']))),
  ])('a scan leaves %j to the parser', (text) => {
    expect(scanned(text)).toBeUndefined();
  });

  test('a scan agrees with the parser on every text that it accepts, cut and changed anywhere', () => {
    const name = fc.oneof(
      fc.constantFrom(...Object.values(WIRE), '__proto__', 'ä', '1', ''),
      fc.string({ maxLength: 4 }),
    );
    const text = fc
      .tuple(fc.dictionary(name, fc.string({ unit: 'grapheme', maxLength: 6 })), fc.constantFrom(0, 1, 2))
      .map(([headers, indent]) => JSON.stringify(headers, undefined, indent));
    const change = fc.tuple(
      fc.nat(),
      fc.nat({ max: 2 }),
      fc.constantFrom('', '"', '\\', ',', ':', '}', '{', ' ', 'é', '\n'),
    );
    fc.assert(
      fc.property(text, fc.array(change, { maxLength: 2 }), (whole, changes) => {
        const changed = changes.reduce((now, [at, removed, added]) => {
          const place = at % (now.length + 1);
          return now.slice(0, place) + added + now.slice(place + removed);
        }, whole);
        const text = changed.toWellFormed();
        const found = scanned(text);
        if (found !== undefined) expect(found).toEqual(parsed(text));
      }),
      { numRuns: 5_000 },
    );
  });

  test('a scan reports a content type, and leaves out the headers that the relay writes', () => {
    const scan = new HeaderScan();
    expect(scanned('{"content-type":"text/plain"}', scan)).toEqual([['content-type', 'text/plain']]);
    expect(scan.hasContentType).toBe(true);
    expect(scanned('{"ce_pos":"forged","a":"b"}', scan)).toEqual([['a', 'b']]);
    expect(scan.hasContentType).toBe(false);
  });

  test('a scan finds the same headers when its code is hot', () => {
    const scan = new HeaderScan();
    const bytes = Buffer.from(stored);
    let wrong = 0;
    for (let at = 0; at < 300_000; at += 1)
      if (!scan.scan(bytes, 0, bytes.length) || scan.count !== 7 || scan.places[3] !== 71) wrong += 1;
    expect(wrong).toBe(0);
  });
});
