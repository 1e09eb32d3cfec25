import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deterministicUuid } from './engine.ts';
import { newUuidV7, seededRandom, systemClock, systemRandom } from './index.ts';

describe('ids', () => {
  // Stored ids are compared with recomputed ones: these values may never change.
  it.each<[readonly (string | number)[], string]>([
    [[], 'e3b0c442-98fc-8c14-9afb-f4c8996fb924'],
    [
      ['inventory', 'reserve', 'apply', 0, '019aa3c0-0000-7000-8000-000000000001', 0],
      '6c10e606-371e-8a3d-83e2-97f49b9957a0',
    ],
    [['größe', '😀'], 'fc523aa7-2e7d-8766-818f-0a2b292d6083'],
  ])('the deterministic id of %j is %s', (parts, expected) =>
    expect(deterministicUuid(...parts)).toBe(expected),
  );

  it('deterministic ids are version 8 UUIDs and differ when the same text is split elsewhere', () => {
    expect(deterministicUuid('ab', 'c')).not.toBe(deterministicUuid('a', 'bc'));
    expect(deterministicUuid('1', 1)).toBe(deterministicUuid(1, '1'));
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.integer())),
        fc.array(fc.oneof(fc.string(), fc.integer())),
        (a, b) => {
          expect(deterministicUuid(...a)).toMatch(
            /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
          );
          const same = JSON.stringify(a.map(String)) === JSON.stringify(b.map(String));
          expect(deterministicUuid(...a) === deterministicUuid(...b)).toBe(same);
        },
      ),
    );
  });

  it('ids of newUuidV7 ascend in time', () => {
    const ids = Array.from({ length: 1000 }, () => newUuidV7());
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });
});

describe('random numbers', () => {
  it('S63: a seeded generator returns the same numbers on every machine', () => {
    const random = seededRandom(42);
    expect([random(), random(), random(), random()]).toEqual([
      0.6011037519201636, 0.44829055899754167, 0.8524657934904099, 0.6697340414393693,
    ]);
  });

  it('seeded random numbers are in [0, 1) and spread evenly', () => {
    for (const random of [seededRandom(0), seededRandom(-1), seededRandom(2 ** 32 + 5)]) {
      const tenths = new Array<number>(10).fill(0);
      for (let draw = 0; draw < 20_000; draw += 1) {
        const value = random();
        expect(value >= 0 && value < 1).toBe(true);
        tenths[Math.floor(value * 10)]! += 1;
      }
      for (const count of tenths) expect(Math.abs(count - 2000)).toBeLessThan(250);
    }
    expect(systemRandom()).toBeLessThan(1);
  });
});

describe('the system clock', () => {
  it('the system clock sleeps at least the requested time, and its monotonic time never decreases', async () => {
    const before = systemClock.monotonic();
    await systemClock.sleep(15);
    // Node rounds timers to whole milliseconds.
    expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(14);
    expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
  });

  it('a sleep of the system clock resolves early when its signal aborts', async () => {
    await systemClock.sleep(60_000, AbortSignal.abort());
    const controller = new AbortController();
    const sleeping = systemClock.sleep(60_000, controller.signal);
    controller.abort(new Error('enough'));
    await expect(sleeping).resolves.toBeUndefined();
  });
});
