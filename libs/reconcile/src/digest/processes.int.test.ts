import { metrics } from '@opentelemetry/api';
import { connect } from '@convergekit/postgres';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { planPass, type Range } from './ranges.ts';
import {
  change,
  changeRanges,
  count,
  fill,
  later,
  mark,
  passOf,
  type Result,
  ranges,
  scanOf,
  sides,
  sidesForEach,
} from '../fixture/digest-sides.ts';

sidesForEach();

const rangesWhere = async (isOne: (one: Range) => boolean): Promise<number> =>
  (await ranges()).filter(isOne).length;
const isDue = ({ due }: Range): boolean => due !== null;
const isHeld = ({ lease }: Range): boolean => lease !== null;
const isChecked = ({ checkedAt }: Range): boolean => checkedAt !== null;

describe('a side that cannot be read whole', () => {
  // Seen to fail when a cancelled statement counts as no difference.
  it('G7k: a side that times out is unknown, is tried in smaller steps first, and stays due', async () => {
    await fill(2_000);
    const slow = {
      select: `select k, v || (case when hashtextextended(k, 0) < '-4611686018427387904'::bigint then pg_sleep(0.02)::text else '' end) as v from t`,
      key: 'k',
      columns: ['v'],
    };
    await change(`delete from t where k = 'k3'`);
    const scan = scanOf({
      desired: slow,
      actual: { table: 't', key: 'k', columns: ['v'] },
      ranges: 4,
      timeoutMs: 400,
    });
    const { unknown } = await passOf(sides, scan);
    expect(unknown).toEqual([expect.stringMatching(/^1 of 4 ranges: .*statement timeout/)]);
    expect(await rangesWhere(isDue)).toBe(1);
    expect(await rangesWhere(isHeld)).toBe(0);
  });

  it('G7k: a database that cannot be reached is unknown, never equal', async () => {
    await fill(10);
    await sides.desired.close();
    const gone = connect({ url: 'postgres://postgres@127.0.0.1:1/none' });
    const { keys, unknown } = await passOf({ ...sides, desired: gone }, scanOf());
    expect([keys, unknown.length]).toEqual([[], 1]);
    await gone.close();
  });

  it('G7k: a pass lists at most maxKeys keys and says that the rest is unknown', async () => {
    await fill(2_000);
    await change('delete from t');
    const scan = scanOf({ ranges: 16, leafRows: 10, maxKeys: 300, stepRows: 200 });
    const { keys, unknown } = await passOf(sides, scan);
    expect(keys.length).toBeGreaterThanOrEqual(300);
    expect(keys.length).toBeLessThan(600);
    expect(unknown.length).toBeGreaterThan(0);
    expect(await rangesWhere(isDue)).toBeGreaterThan(0);
  });

  it('a table that does not exist is an error, not unknown', async () => {
    await expect(passOf(sides, scanOf())).rejects.toThrow('relation "t" does not exist');
  });
});

describe('several processes', () => {
  it('an interrupted pass goes on with the ranges that are left', async () => {
    await fill(1_000);
    const scan = scanOf({ ranges: 16, stepRows: 250 });
    for await (const chunk of scan(
      { desired: sides.desired.db, actual: sides.actual.db },
      { reconciler: 'stock', after: null },
    ))
      if ('length' in chunk && (await rangesWhere(isChecked)) > 0) break;
    const left = await rangesWhere(isDue);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(16);
    expect(await rangesWhere(isHeld)).toBe(0);
    const rest = await passOf(sides, scan);
    expect(rest.compared).toBeLessThan(1_000);
    expect((await ranges()).every(isChecked)).toBe(true);
  });

  it('G7l: passes at the same time share the ranges, and none is compared twice', async () => {
    await fill(2_000);
    await change(`update t set v = 'x' where k in ('k1', 'k20', 'k300')`);
    const scan = scanOf({ ranges: 32, stepRows: 100, leaseMs: 20_000 });
    const passes = await Promise.all([passOf(sides, scan), passOf(sides, scan), passOf(sides, scan)]);
    expect(passes.flatMap(({ keys }) => keys).toSorted()).toEqual(['k1', 'k20', 'k300']);
    // A pass that begins when another has ended compares one range again, of about 60 rows: its share.
    const compared = passes.reduce((sum, pass) => sum + pass.compared, 0);
    expect(compared).toBeGreaterThanOrEqual(2_000);
    expect(compared).toBeLessThan(2_400);
  });

  it('G7l: a pass that begins when another has compared everything takes no range again', async () => {
    await fill(500);
    await passOf(sides, scanOf({ ranges: 32 }));
    const plan = { mode: 'full', reported: 0, maxAgeMs: 3_600_000, fullAgeMs: 3_600_000 } as const;
    const marked = async (everything: boolean) =>
      planPass(await ranges(), { ...plan, everything }, Date.now()).ranges.filter(isDue);
    expect(await marked(false)).toEqual([]);
    expect(await marked(true)).toHaveLength(32);
  });

  // Seen to fail when a pass ends as soon as no range is free.
  it('G7l: the ranges of a process that died are taken when its lease has expired', async () => {
    await fill(500);
    await change(`update t set v = 'x' where k = 'k7'`);
    const scan = scanOf({ ranges: 8, leaseMs: 1_000 });
    await passOf(sides, scan);
    const dead = { holder: 'dead', until: Date.now() + 300_000 };
    await changeRanges((one) => ({ ...one, due: 'full', lease: dead }));
    const keys: string[] = [];
    let waits = 0;
    for await (const chunk of scan(
      { desired: sides.desired.db, actual: sides.actual.db },
      { reconciler: 'stock', after: null },
    ))
      if ('length' in chunk) {
        // Nothing is free yet: the first empty chunk is that of a pass that waits.
        if (waits === 0) await changeRanges((one) => ({ ...one, lease: { ...dead, until: 0 } }));
        waits += 1;
        keys.push(...chunk);
      }
    expect(keys).toEqual(['k7']);
  });

  // Planted faults: a lease, or the time of a comparison, is believed however late it is. The pass waits for as long as the clock went
  // back, or compares nothing.
  it('the ranges of a process that died, and those that were compared, are taken although the clock was set back', async () => {
    await fill(500);
    const scan = scanOf({ ranges: 8 });
    await passOf(sides, scan);
    await change(`update t set v = 'x' where k = 'k7'`);
    await later(-7_200_000);
    expect((await passOf(sides, scan)).keys).toEqual(['k7']);
    await changeRanges((one) => ({
      ...one,
      due: 'full',
      lease: { holder: 'dead', until: Date.now() + 7_200_000 },
    }));
    expect((await passOf(sides, scan)).compared).toBe(500);
  });

  // Seen to fail when the pass that began earlier keeps its ranges: it finishes them by what it read before the change.
  it('G7l: a pass that compares everything instead of many reports looks at the ranges that another pass has read before', async () => {
    await fill(400);
    const scan = scanOf({ ranges: 8 });
    await passOf(sides, scan);
    await later(7_200_000_000);
    let whole: Promise<Result> | undefined;
    const keys = new Set<string>();
    for await (const chunk of scan(
      { desired: sides.desired.db, actual: sides.actual.db },
      { reconciler: 'stock', after: null },
    )) {
      if (!('length' in chunk)) continue;
      for (const key of chunk) keys.add(key);
      // The first empty chunk comes when the ranges of one snapshot were compared, and none is finished.
      if (whole !== undefined) continue;
      await change('delete from t');
      await mark(...Array.from({ length: 100 }, (_, index) => `k${index}`));
      whole = passOf(sides, scan);
      await waitUntil(async () => (await count('reconcile_dirty')) === 0, {
        what: 'the reports to be taken',
      });
    }
    for (const key of (await whole)?.keys ?? []) keys.add(key);
    expect(keys.size).toBe(400);
    expect(await rangesWhere(isDue)).toBe(0);
  });

  it('a process whose lease expired finishes nothing', async () => {
    const other = { holder: 'other', until: Date.now() + 300_000 };
    const isOthers = ({ lease }: Range): boolean => lease?.holder === 'other';
    await fill(500);
    const scan = scanOf({ ranges: 8 });
    const chunks = scan(
      { desired: sides.desired.db, actual: sides.actual.db },
      { reconciler: 'stock', after: null },
    );
    for await (const chunk of chunks)
      if ('length' in chunk && (await rangesWhere(isChecked)) === 0 && (await rangesWhere(isHeld)) === 8)
        await changeRanges((one) => (one.range === 0 ? { ...one, lease: other } : one));
      else if ((await rangesWhere(isOthers)) === 1)
        await changeRanges((one) => (isOthers(one) ? { ...one, due: null, lease: null } : one));
    expect(await rangesWhere(isChecked)).toBe(7);
  });
});

// Seen to fail when an outcome is left out.
it('a pass records its duration, its ranges by outcome and its rows by mode', async () => {
  const recorded: unknown[] = [];
  const instrument = (name: string) => ({
    add: (value: number, attributes: Record<string, string>) => void recorded.push([name, value, attributes]),
    record: (_value: number, attributes: Record<string, string>) => void recorded.push([name, attributes]),
  });
  const meter = { createCounter: instrument, createGauge: instrument, createHistogram: instrument };
  metrics.setGlobalMeterProvider({ getMeter: () => meter } as never);
  try {
    await fill(100);
    await change(`update t set v = 'x' where k = 'k1'`);
    await passOf(sides, scanOf({ ranges: 2 }));
    const labels = { 'converge.reconciler': 'stock', 'converge.digest.mode': 'full' };
    expect(recorded).toEqual([
      ['converge.reconcile.digest.ranges', 1, { ...labels, 'converge.outcome': 'equal' }],
      ['converge.reconcile.digest.ranges', 1, { ...labels, 'converge.outcome': 'different' }],
      ['converge.reconcile.digest.rows', 100, labels],
      [
        'converge.reconcile.digest.duration',
        { 'converge.reconciler': 'stock', 'converge.outcome': 'completed' },
      ],
    ]);
    recorded.length = 0;
    await passOf(
      sides,
      scanOf({
        ranges: 2,
        // Enough to describe the sources, too little for the sleep.
        timeoutMs: 500,
        desired: { select: 'select k, v from t, pg_sleep(5)', key: 'k', columns: ['v'] },
      }),
      { everything: true },
    );
    expect(recorded).toContainEqual([
      'converge.reconcile.digest.ranges',
      1,
      { 'converge.reconciler': 'stock', 'converge.outcome': 'unknown' },
    ]);
    expect(recorded.at(-1)).toEqual([
      'converge.reconcile.digest.duration',
      { 'converge.reconciler': 'stock', 'converge.outcome': 'unknown' },
    ]);
  } finally {
    metrics.disable();
  }
});
