import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allRanges, isEverything, runOf, runsOf } from './prefix.ts';
import { rangesPerStep, shareOf } from './rotation.ts';
import { type Branch, nextBatch, splitBits } from './split.ts';
import { unknownReason } from './unknown.ts';

const branch = fc.record({
  prefix: fc.record({ bits: fc.constantFrom(4, 8), index: fc.integer({ min: -8, max: 7 }) }),
  rows: fc.nat({ max: 10_000 }),
});

describe('the division of the key space', () => {
  it('all ranges of a depth together are everything, in one run', () => {
    for (const bits of [1, 3, 10]) {
      const runs = runsOf(allRanges(bits).map((index) => ({ bits, index })));
      expect(runs.map(isEverything)).toEqual([true]);
    }
  });

  it('neighbours touch and do not overlap', () => {
    for (const index of [-4, -1, 0, 2])
      expect(runOf({ bits: 3, index }).hi).toBe(runOf({ bits: 3, index: index + 1 }).lo);
  });

  it('batches take every open range once, never more than 64, and mix neither depths nor kinds', () => {
    fc.assert(
      fc.property(
        fc.array(branch, { maxLength: 200 }),
        fc.integer({ min: 1, max: 5_000 }),
        (open, leafRows) => {
          const taken: Branch[] = [];
          for (let rest: readonly Branch[] = open; rest.length > 0;) {
            const next = nextBatch(rest, leafRows);
            expect(next.batch.length).toBeGreaterThan(0);
            expect(next.batch.length).toBeLessThanOrEqual(64);
            expect(new Set(next.batch.map(({ prefix }) => prefix.bits)).size).toBe(1);
            expect(next.batch.every(({ rows }) => rows <= leafRows)).toBe(next.kind === 'list');
            taken.push(...next.batch);
            rest = next.rest;
          }
          expect(taken.toReversed()).toEqual(open);
        },
      ),
    );
  });

  it('a division goes deeper by one to six bits', () => {
    const at = (rows: number): number => splitBits([{ prefix: { bits: 10, index: 0 }, rows }], 100);
    expect([101, 400, 1_000_000].map(at)).toEqual([11, 12, 16]);
  });
});

describe('the rotation', () => {
  it('passes at any interval take shares that cover all ranges within maxAge', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), fc.constantFrom(2, 64, 1_024), (everyMs, ranges) => {
        let compared = 0;
        let sinceMs = 0;
        for (let atMs = everyMs; atMs <= 1_000; atMs += everyMs) {
          sinceMs += everyMs;
          const share = shareOf(ranges, sinceMs, 1_000);
          compared += share;
          if (share > 0) sinceMs = 0;
          expect(compared).toBeGreaterThanOrEqual(Math.floor((ranges * (atMs - sinceMs)) / 1_000));
          expect(ranges * sinceMs).toBeLessThan(1_000);
        }
      }),
    );
    expect([shareOf(64, null, 1_000), shareOf(64, 15, 1_000), shareOf(64, 9_999, 1_000)]).toEqual([
      64, 0, 64,
    ]);
  });

  it('a step has at least one range, and all of them where the table is small', () => {
    expect([
      rangesPerStep(1_024, 500, 1_000),
      rangesPerStep(1_024, 10_000, 1_000),
      rangesPerStep(4, 1e9, 1),
    ]).toEqual([1_024, 102, 1]);
  });
});

it('a lost connection and a time limit are unknown; a wrong column and a bug are errors', () => {
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  expect(unknownReason(failure('57014'))).toEqual({ timedOut: true, text: '57014' });
  expect(unknownReason(failure('57P01'))).toEqual({ timedOut: false, text: '57P01' });
  expect(unknownReason(failure('ECONNREFUSED'))).toEqual({ timedOut: false, text: 'ECONNREFUSED' });
  expect(unknownReason(failure('42703'))).toBeUndefined();
  expect(unknownReason(new TypeError('undefined is not a function'))).toBeUndefined();
});
