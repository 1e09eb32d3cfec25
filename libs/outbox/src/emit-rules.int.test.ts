import { defineEvent } from '@convergekit/contracts';
import { checkHeaders, checkPayload, isKey } from '@convergekit/contracts/engine';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { z } from 'zod';
import { openShop, type Shop } from './fixture/shop.ts';

/** The cases of a rule, drawn by one seed. */
const CASES = inject('full') ? 50_000 : 3_000;
const draw = <T>(of: fc.Arbitrary<T>): readonly T[] => fc.sample(of, { numRuns: CASES, seed: 340 });

let shop: Shop;
beforeAll(async () => {
  shop = await openShop(inject('stack').databaseUrl);
  await shop.database.executor.query(`
    create function refusal(key text, payload text, headers text) returns text language plpgsql as $$
    begin
      perform converge.emit_check('shop.orders', key, 'a.b', payload, 1), converge.emit_check_headers(headers);
      return null;
    exception when others then return sqlstate || ' ' || sqlerrm;
    end $$`);
});
afterAll(() => shop.database.close());

interface Written {
  readonly key?: string;
  readonly payload?: string;
  readonly headers?: string;
}

/** Returns what converge.emit says of each case, in one statement; null: it takes the event. */
async function refusals(cases: readonly Written[]): Promise<readonly (string | null)[]> {
  const { rows } = await shop.database.executor.query<{ refusal: string | null }>(
    `select refusal(c.key, c.payload, c.headers)
       from unnest($1::text[], $2::text[], $3::text[]) with ordinality as c (key, payload, headers, n) order by n`,
    [
      cases.map(({ key = 'k' }) => key),
      cases.map(({ payload = '{}' }) => payload),
      cases.map(({ headers = '{}' }) => headers),
    ],
  );
  return rows.map(({ refusal }) => refusal);
}

/** Returns the code of what a function throws; undefined: nothing. */
function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as { readonly code: string }).code;
  }
}

/** What converge.emit says of a payload or headers, by the code of the other side. */
const SAYS: Readonly<Record<string, RegExp>> = {
  PAYLOAD_NOT_JSON: /is not JSON/,
  PAYLOAD_LONE_SURROGATE: /half of a surrogate pair/,
  PAYLOAD_FORBIDDEN_KEY: /reaches an object's prototype/,
  NUMBER: /a number that no double holds/,
  HEADERS_INVALID: /header name|the value of header|are too many|a header has a NUL or half/,
  HEADER_RESERVED: /is set by the kit/,
};

interface Judged {
  readonly given: string;
  /** The codes of the rules that TypeScript finds broken. */
  readonly codes: readonly (string | undefined)[];
}

/** Compares both sides: each refuses what the other does, for a reason that it names, as data (22023). */
function expectEqual(judged: readonly Judged[], said: readonly (string | null)[]): void {
  const broken = judged.map(({ codes }) => codes.filter((code) => code !== undefined));
  const differing = judged.flatMap(({ given }, at) => {
    const [text, codes] = [said[at] ?? null, broken[at] ?? []];
    const agrees = text === null ? codes.length === 0 : codes.some((code) => SAYS[code]?.test(text));
    return agrees && text?.startsWith('22023 ') !== false ? [] : [{ given, codes, text }];
  });
  expect(differing.slice(0, 5)).toEqual([]);
  // The draw has enough of both.
  const accepted = broken.filter(({ length }) => length === 0).length;
  expect(Math.min(accepted, judged.length - accepted)).toBeGreaterThan(judged.length / 20);
}

const PIECES = [
  ...['a', 'é', '😀', '\u2028', '\u007f', '\t', '\\n', '\\"', '\\\\', '\\/', '\\x', '"', '\\u12', '\\u0000'],
  ...['\\ud83d', '\\uDE00', '\\uD83D\\ude00', '\\ude00\\ud83d', '\\u0041', '\\\\ud83d', '\\ud83d\\\\ude00'],
  ...[
    '__proto__',
    'constructor',
    '\\u005f_proto__',
    '\\\\u005f_proto__',
    'c\\u006fnstructor',
    '{',
    ']',
    ':',
    '1e999',
  ],
];
const NUMBERS = [
  ...[
    '0',
    '-0',
    '-1',
    '1.50',
    '01',
    '.5',
    '1.',
    '+1',
    'NaN',
    '-Infinity',
    '1e5',
    '1E+308',
    '-1e308',
    '1e309',
  ],
  ...[
    '0e999',
    '1e-999',
    '0.0001e310',
    '-1e400',
    `1${'0'.repeat(308)}`,
    `1${'0'.repeat(309)}`,
    `${'9'.repeat(400)}e-200`,
  ],
  ...[
    '1.7976931348623157e308',
    '1.7976931348623159e308',
    '17976931348623158079372897140530341507993413271e262',
  ],
];
const blank = fc.constantFrom('', '', '', ' ', '\n', '\t', '\u000b', '\u00a0');
const quoted = fc.array(fc.constantFrom(...PIECES), { maxLength: 3 }).map((some) => `"${some.join('')}"`);
const { json } = fc.letrec<{ readonly json: string }>((tie) => ({
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'nul', '', ...NUMBERS),
    quoted,
    fc.array(tie('json'), { maxLength: 2 }).map((some) => `[${some.join(',')}]`),
    // One member: of two with a name a consumer reads the last, and converge.emit looks at both.
    fc.tuple(quoted, blank, tie('json')).map(([name, space, value]) => `{${name}${space}:${value}}`),
  ),
}));

it('converge.emit takes exactly the payloads that a consumer of the kit reads, and refuses the others for the same reason', async () => {
  const { parse } = defineEvent('a.b', { topic: 'a', key: () => 'k', data: z.unknown() });
  const isFinite = (value: unknown): boolean =>
    typeof value === 'object' && value !== null
      ? Object.values(value).every(isFinite)
      : typeof value !== 'number' || Number.isFinite(value);
  const judged = draw(json).map((given) => {
    const unread = codeOf(() => parse(given, 1));
    const number = unread === undefined && !isFinite(JSON.parse(given)) ? 'NUMBER' : undefined;
    return { given, codes: [codeOf(() => checkPayload(given)), unread, number] };
  });
  expectEqual(judged, await refusals(judged.map(({ given: payload }) => ({ payload }))));
});

const TOKENS = [
  ...[
    'a',
    'Z',
    '9',
    '-',
    '_',
    '.',
    '~',
    '#',
    'ce_',
    'CE_id',
    'content-type',
    'Traceparent',
    'baggage',
    'tenant',
  ],
  ...['é', ' ', ':', '\n', '__proto__', 'x'.repeat(127), '\u0000', '\ud83d'],
];
const VALUES = [
  '',
  'a',
  'é😀',
  '\t',
  '\n',
  '\u0000',
  '\u007f',
  '\u0085',
  '\u2028',
  '\ud83d',
  '"',
  '\\',
  'x'.repeat(4_000),
];
const headersOf = fc
  .array(
    fc.tuple(
      fc.array(fc.constantFrom(...TOKENS), { minLength: 0, maxLength: 2 }),
      fc.oneof(
        {
          weight: 9,
          arbitrary: fc.array(fc.constantFrom(...VALUES), { maxLength: 3 }).map((some) => some.join('')),
        },
        { weight: 1, arbitrary: fc.constantFrom(1, true, null) },
      ),
    ),
    { maxLength: 2 },
  )
  .map((some) => JSON.stringify(Object.fromEntries(some.map(([name, value]) => [name.join(''), value]))));

it('converge.emit takes exactly the headers that an emit in TypeScript takes, and refuses the others for the same reason', async () => {
  const judged = draw(headersOf).map((given) => ({
    given,
    // Each rule by itself: the two sides may find the faults of one header in another order.
    codes: Object.entries(JSON.parse(given) as Record<string, string>)
      .flatMap(([name, value]) => [
        codeOf(() => checkHeaders({ [name]: '' })),
        codeOf(() => checkHeaders({ a: value })),
      ])
      .concat(codeOf(() => checkHeaders(JSON.parse(given) as Record<string, string>))),
  }));
  expectEqual(judged, await refusals(judged.map(({ given: headers }) => ({ headers }))));
});

it('converge.emit takes exactly the keys that an event of the kit can have', async () => {
  const piece = fc.constantFrom(
    'a',
    'é',
    '😀',
    ' ',
    '\t',
    '\u0001',
    '\u007f',
    '\u0085',
    '\u2028',
    '\ufeff',
    '"',
    'x'.repeat(500),
  );
  const keys = draw(fc.array(piece, { maxLength: 4 }).map((some) => some.join('')));
  const said = await refusals(keys.map((key) => ({ key })));
  const differing = keys.filter((key, at) => isKey(key) !== (said[at] === null));
  expect(differing.slice(0, 5)).toEqual([]);
  expect(
    said.filter((text) => text?.startsWith('22023 converge.emit: the key of a.b must be') === false),
  ).toEqual([]);
  expect(new Set(said).size).toBe(2);
});
