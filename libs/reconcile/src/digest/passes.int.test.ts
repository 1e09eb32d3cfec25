import { executorOfClient } from '@convergekit/postgres/engine';
import { describe, expect, it } from 'vitest';
import type { DigestScan, DigestScanOptions } from './digest-scan.ts';
import {
  change,
  changeRanges,
  count,
  fill,
  later,
  mark,
  passOf,
  ranges,
  scanOf,
  sides,
  sidesForEach,
} from '../fixture/digest-sides.ts';
import { markDirty } from './dirty.ts';

sidesForEach();

const table = { table: 't', key: 'k', columns: ['v'] };
const versioned = { ...table, version: 'version' };
const timed = { ...table, updatedAt: 'at' };
const onBoth = (side: DigestScanOptions['desired'], over: Partial<DigestScanOptions> = {}): DigestScan =>
  scanOf({ desired: side, actual: side, ...over });

describe('an incremental pass', () => {
  it('N15: a pass after 1 % of the rows changed hashes these and the due share, less than 5 % of the first', async () => {
    await fill(20_000);
    const scan = scanOf();
    expect((await passOf(sides, scan)).compared).toBe(20_000);
    await change(`update t set v = 'x' where right(k, 2) = '77'`);
    for (let i = 77; i <= 20_000; i += 100) await mark(`k${i}`);
    const second = await passOf(sides, scan);
    expect(second.keys).toHaveLength(200);
    expect(second.compared).toBeLessThanOrEqual(1_000);
    expect(await count('reconcile_dirty')).toBe(0);
    const third = await passOf(sides, scan);
    expect(third.keys.length).toBeLessThanOrEqual(second.keys.length);
    expect(third.compared).toBeLessThanOrEqual(100);
  });

  // Seen to fail when reports are removed up to their id without looking at their snapshot.
  it('G7l: a report that commits while a pass runs stays for the next pass', async () => {
    await fill(100);
    const scan = scanOf();
    await passOf(sides, scan);
    const client = await sides.actual.acquire();
    await client.query('begin');
    await client.query(`update t set v = 'x' where k = 'k5'`);
    await markDirty(executorOfClient(client), { name: 'stock' }, ['k5']);
    await mark('k6'); // a later id, committed first
    const listed: string[] = [];
    let committed = false;
    for await (const chunk of scan(
      { desired: sides.desired.db, actual: sides.actual.db },
      { reconciler: 'stock', after: null },
    )) {
      if ('length' in chunk) listed.push(...chunk);
      // The first chunk comes when the reports were read and both snapshots taken.
      if (!committed) await client.query('commit');
      committed = true;
    }
    client.release();
    listed.push(...(await passOf(sides, scan)).keys);
    expect(listed).toEqual(['k5']);
  });

  // Seen to fail with one range for each pass: half of them are then due at the end of maxAge.
  it('G7l: passes cover every range within maxAge, each its share', async () => {
    await fill(500);
    const scan = scanOf({ ranges: 64, maxAgeMs: 10_000 });
    await passOf(sides, scan);
    await change(`update t set v = 'x'`);
    const listed = new Set<string>();
    for (let pass = 1; pass <= 10; pass += 1) {
      await later(1_000);
      for (const key of (await passOf(sides, scan)).keys) listed.add(key);
      if (pass === 5) expect(listed.size).toBeGreaterThan(150);
    }
    expect(listed.size).toBe(500);
  });

  it('a range that was not compared for maxAge is due, although others were compared just now', async () => {
    await fill(500);
    const scan = scanOf({ ranges: 4, maxAgeMs: 60_000 });
    await passOf(sides, scan);
    await changeRanges((one) =>
      one.range < 0 ? one : { ...one, checkedAt: (one.checkedAt ?? 0) - 120_000 },
    );
    await change(`delete from t`);
    const old = (await ranges()).filter(({ range }) => range >= 0);
    const rows = old.reduce((sum, one) => sum + one.rows, 0);
    expect(rows).toBeGreaterThan(0);
    expect((await passOf(sides, scan)).keys.length).toBeGreaterThanOrEqual(rows);
  });

  // Seen to fail with ranges that are numbered from zero: the pass ended by a hash that no bigint holds.
  it('a pass for an operator who only looks lists every key that differs, and writes nothing', async () => {
    await fill(500);
    await change(`update t set v = 'x' where right(k, 1) = '7'`);
    const { keys, compared } = await passOf(sides, scanOf({ ranges: 16 }), { readOnly: true });
    expect([keys.length, compared, await count('reconciler'), await count('reconcile_dirty')]).toEqual([
      50, 500, 0, 0,
    ]);
  });

  // Seen to fail by a TypeError, or silently: a range without a number of rows was never claimed again.
  it.each([
    ['a text', `'"gone"'`],
    ['null', `'null'`],
    ['numbers', `(select json_agg(n) from generate_series(1, 16) n)`],
    [
      'ranges without rows',
      `(select json_agg(json_build_object('range', n, 'due', null, 'lease', null)) from generate_series(-8, 7) n)`,
    ],
    [
      'a lease without an end',
      `(select json_agg(json_build_object('range', n, 'due', 'full', 'rows', 1, 'lease', json_build_object('holder', 'h'))) from generate_series(-8, 7) n)`,
    ],
  ])('a pass makes the ranges anew where an operator wrote %s in their place', async (_, json) => {
    await fill(100);
    const scan = scanOf({ ranges: 16 });
    await passOf(sides, scan);
    await change(`delete from t where k = 'k5'; update converge.reconciler set ranges = ${json}`);
    expect(await passOf(sides, scan)).toMatchObject({ keys: ['k5'], compared: 100 });
  });

  it('more reports than an eighth of the rows make the pass compare everything once', async () => {
    await fill(400);
    const scan = scanOf();
    await passOf(sides, scan);
    await change(`delete from t`);
    await mark(...Array.from({ length: 100 }, (_, index) => `k${index}`));
    const { keys, compared } = await passOf(sides, scan);
    expect([keys.length, compared, await count('reconcile_dirty')]).toEqual([400, 400, 0]);
  });
});

describe('version columns', () => {
  it('most passes hash keys and versions, and a rotating share of ranges is hashed whole', async () => {
    await fill(1_000);
    const scan = onBoth(versioned, { ranges: 16, maxAgeMs: 1_000, fullAgeMs: 10_000 });
    await change(
      `update t set v = 'x', version = 2 where k = 'k1'; update t set v = 'silent' where k = 'k2'`,
    );
    const first = await passOf(sides, scan);
    expect(first.keys).toContain('k1');
    expect((await ranges()).filter(({ checkedAt }) => checkedAt === null)).toEqual([]);
    const found = new Set(first.keys);
    for (let pass = 0; pass < 10; pass += 1) {
      await later(1_000);
      for (const key of (await passOf(sides, scan)).keys) found.add(key);
    }
    expect([...found].toSorted()).toEqual(['k1', 'k2']);
  });

  it('a reported key is hashed whole, whatever its version', async () => {
    await fill(1_000);
    const scan = onBoth(versioned);
    await passOf(sides, scan);
    await change(`update t set v = 'silent' where k = 'k2'`);
    await mark('k2');
    expect((await passOf(sides, scan)).keys).toEqual(['k2']);
  });
});

describe('hot rows', () => {
  it('a different row within the settle window is compared later, and listed when it has settled', async () => {
    await fill(100);
    const scan = onBoth(timed, { settleMs: 60_000 });
    await change(`update t set v = 'x', at = now() where k = 'k1'; update t set v = 'x' where k = 'k2'`);
    expect((await passOf(sides, scan)).keys).toEqual(['k2']);
    expect((await passOf(sides, scan)).keys).toEqual([]);
    await change(`update t set at = now() - interval '2 minutes'`);
    expect((await passOf(sides, scan)).keys).toEqual(['k1']);
  });

  // Seen to fail without hot_since: a row that is written every second would never be compared.
  it('a row that is always hot is listed when it has differed for maxAge', async () => {
    await fill(100);
    const scan = onBoth(timed, { settleMs: 60_000, maxAgeMs: 600_000 });
    await change(`update t set v = 'x', at = now() where k = 'k1'`);
    expect((await passOf(sides, scan)).keys).toEqual([]);
    for (const age of ['9 minutes', '2 minutes']) {
      await change(`update converge.reconcile_dirty set hot_since = hot_since - interval '${age}'`);
      await change(`update t set at = now() where k = 'k1'`);
      expect((await passOf(sides, scan)).keys).toEqual(age === '2 minutes' ? ['k1'] : []);
    }
  });
});
