import { randomBytes } from 'node:crypto';
import { connect, executorOf } from '@convergekit/postgres';
import { expect, inject, it } from 'vitest';
import { digestScan } from './digest-scan.ts';
import { passOf, scanOf, sides, sidesForEach } from '../fixture/digest-sides.ts';
import { runSql } from './hash-sql.ts';
import { allRanges, runOf } from './prefix.ts';

sidesForEach();

/** One value in each database, of these types. */
async function differs(
  desired: readonly [string, string],
  actual: readonly [string, string] = desired,
): Promise<boolean> {
  for (const [side, [type, value]] of [
    ['desired', desired],
    ['actual', actual],
  ] as const)
    await sides[side].executor.query(
      `drop table if exists t; create table t (k text primary key, v ${type}); insert into t values ('a', ${value})`,
    );
  const { keys, unknown } = await passOf(sides, scanOf(), { everything: true });
  expect(unknown).toEqual([]);
  return keys.length > 0;
}

it.each([
  ['numbers of another scale', ['numeric', '1.0'], ['numeric(10, 2)', '1']],
  ['an integer and a numeric', ['int', '7'], ['numeric(10, 3)', '7']],
  ['zero and minus zero', ['float8', "'-0'"], ['float8', '0']],
  ['padded and plain text', ['char(10)', "'ab'"], ['varchar', "'ab'"]],
  ['JSON with keys in another order', ['json', `'{"b": 1, "a": [1,2]}'`], ['jsonb', `'{"a":[1,2],"b":1}'`]],
  [
    'one moment in two time zones',
    ['timestamptz', "'2026-03-01 12:00+00'"],
    ['timestamptz', "'2026-03-01 14:00+02'"],
  ],
  ['NULL and NULL', ['text', 'null'], ['text', 'null']],
  ['text of another collation', ['text collate "C"', "'Äb'"], ['text collate "und-x-icu"', "'Äb'"]],
  ['bytes', ['bytea', "'\\x00ff'"], ['bytea', "'\\x00ff'"]],
] as const)('G7j: %s are equal', async (_what, desired, actual) => {
  expect(await differs(desired, actual)).toBe(false);
});

it.each([
  ['NULL and an empty string', ['text', 'null'], ['text', "''"]],
  ['NULL and the text of NULL', ['text', 'null'], ['text', "'NULL'"]],
  [
    'numbers that differ in the last digit',
    ['numeric', '1.00000000000000000001'],
    ['numeric', '1.00000000000000000002'],
  ],
  [
    'moments that differ by a microsecond',
    ['timestamptz', "'2026-03-01 12:00:00.000001+00'"],
    ['timestamptz', "'2026-03-01 12:00+00'"],
  ],
  ['texts that differ in case', ['text', "'a'"], ['text', "'A'"]],
] as const)('G7j: %s differ', async (_what, desired, actual) => {
  expect(await differs(desired, actual)).toBe(true);
});

// Seen to fail when columns are joined with a separator.
it('separators and quotes inside of values do not move a border between columns', async () => {
  const pairs = [
    ['a,b', 'c'],
    ['a', 'b,c'],
    ['a"', '"b'],
    ['a', '""b'],
    ['', ',b'],
    [',', 'b'],
    ['\\', "'"],
    ['\\\\', ''],
  ];
  await sides.both('create table t (k text primary key, v text, w text)');
  const scan = scanOf({
    desired: { table: 't', key: 'k', columns: ['v', 'w'] },
    actual: { table: 't', key: 'k', columns: ['v', 'w'] },
  });
  for (const [index, [v, w]] of pairs.entries())
    for (const [other, [x, y]] of pairs.entries()) {
      await sides.desired.executor.query(`insert into t values ($1, $2, $3)`, [`${index}-${other}`, v, w]);
      await sides.actual.executor.query(`insert into t values ($1, $2, $3)`, [`${index}-${other}`, x, y]);
    }
  expect((await passOf(sides, scan)).keys).toHaveLength(pairs.length * (pairs.length - 1));
});

// Seen to fail without the pinned settings, and when columns are hashed in the order of their declaration.
it('G7j: settings of roles, names and orders of columns make no difference', async () => {
  await sides.desired.executor
    .query(`create table wanted (sku text, at timestamptz, span interval, ratio float8, bytes bytea, day date);
    insert into wanted values ('a', '2026-07-01 12:00+00', '1 day 02:03:04', 0.1::float8 + 0.2::float8, '\\xdeadbeef', '2026-02-03')`);
  await sides.actual.executor
    .query(`create table stock (bytes bytea, day date, ratio float8, span interval, at timestamptz, code varchar(9));
    insert into stock (code, at, span, ratio, bytes, day) select 'a', '2026-07-01 12:00+00', '1 day 02:03:04', 0.1::float8 + 0.2::float8, '\\xdeadbeef', '2026-02-03'`);
  const name = sides.actual.target.database;
  for (const setting of [
    "TimeZone = 'Asia/Tokyo'",
    "DateStyle = 'German'",
    "IntervalStyle = 'sql_standard'",
    "bytea_output = 'escape'",
    'extra_float_digits = -3',
  ])
    await sides.actual.executor.query(`alter database "${name}" set ${setting}`);
  const fresh = connect({ url: sides.actual.pool.options.connectionString ?? '', max: 5 });
  const scan = digestScan({
    desired: { table: 'wanted', key: 'sku', columns: ['at', 'span', 'ratio', 'bytes', 'day'] },
    actual: {
      select: 'select * from stock',
      key: 'code',
      columns: { day: 'day', bytes: 'bytes', ratio: 'ratio', span: 'span', at: 'at' },
    },
  });
  expect(await passOf({ ...sides, actual: fresh }, scan)).toEqual({ keys: [], unknown: [], compared: 1 });
  await fresh.close();
});

// Seen to fail when the text is hashed in the encoding of its database.
it('G7j: a database of another encoding has the same hashes', async () => {
  const { databaseUrl } = inject('stack');
  const name = `latin_${randomBytes(6).toString('hex')}`;
  const server = connect({ url: databaseUrl, max: 1 });
  await server.executor.query(
    `create database "${name}" encoding 'LATIN1' locale 'C' locale_provider 'libc' template template0`,
  );
  await server.close();
  const latin = connect({ url: new URL(`/${name}`, databaseUrl).href, max: 3 });
  for (const { executor } of [latin, sides.actual])
    await executor.query(
      `create table t (k text primary key, v text); insert into t values ('schlüssel', 'Größe'), ('b', 'é')`,
    );
  const both = { ...sides, desired: latin };
  expect((await passOf(both, scanOf())).keys).toEqual([]);
  await latin.executor.query(`update t set v = 'Grosse' where k = 'schlüssel'`);
  expect((await passOf(both, scanOf(), { everything: true })).keys).toEqual(['schlüssel']);
  await latin.close();
});

// Seen to fail with a closed upper border: a hash on a border is then in two ranges.
it('every hash is in exactly one range, also on a border', async () => {
  for (const bits of [1, 2, 5]) {
    const ranges = allRanges(bits).map((index) => runOf({ bits, index }));
    const borders = ranges.flatMap(({ lo, hi }) => [lo, lo + 1n, (hi ?? 2n ** 63n) - 1n]).map(String);
    const conditions = ranges.map((run) => `(${runSql('h', run)})::int`).join(' + ');
    const { rows } = await executorOf(sides.actual.db).query<{ n: number }>(
      `select ${conditions} as n from unnest($1::bigint[]) as h`,
      [[...new Set(borders)]],
    );
    expect(new Set(rows.map(({ n }) => n))).toEqual(new Set([1]));
  }
});

it('a declaration with different columns on both sides is refused with its fix', () => {
  const side = { table: 't', key: 'k', columns: ['a'] };
  expect(() => digestScan({ desired: side, actual: { ...side, columns: ['b'] } })).toThrow(
    "digestScan: desired has the columns a and actual b; give both the same names, for example { quantity: 'reserved' }",
  );
  expect(() => digestScan({ desired: { key: 'k', columns: ['a'] }, actual: side })).toThrow(
    'either `table` or `select`',
  );
  expect(() => digestScan({ desired: side, actual: side, ranges: 1000 })).toThrow('power of two');
});
