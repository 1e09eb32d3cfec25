import { readFileSync } from 'node:fs';
import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { type Backoff, cappedMs, delayMs } from '@convergekit/core/engine';
import { defaultPolicy } from './index.ts';

const { backoff } = defaultPolicy;

describe('delays', () => {
  it('the delays of seed 42 are fixed', () => {
    const random = seededRandom(42);
    const golden = JSON.parse(
      readFileSync(new URL('../fixtures/backoff-seed-42.json', import.meta.url), 'utf8'),
    ) as unknown;
    expect(Array.from({ length: 20 }, (_, index) => delayMs(backoff, index + 1, random))).toEqual(golden);
  });

  it('S4: the upper bound of a delay doubles up to the cap', () => {
    const ends = Array.from({ length: 12 }, (_, index) => cappedMs(backoff, index + 1));
    expect(ends).toEqual([50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 20_000, 20_000, 20_000]);
  });

  it('a delay stays within [0, cap), even where the power overflows', () => {
    expect(delayMs(backoff, 5000, () => 1 - Number.EPSILON)).toBe(19_999);
    expect(delayMs(backoff, 5000, () => 0)).toBe(0);
    expect(cappedMs({ baseMs: 0, factor: 2, capMs: 10 }, 5)).toBe(0);
  });

  // Clients that failed together must not return together. Jitter before the cap fails this test.
  it.each<[string, Backoff, number]>([
    ['far past the cap, at attempt 20', backoff, 20],
    ['at the attempt that reaches the cap', backoff, 10],
    ['below the cap', { baseMs: 50, factor: 2, capMs: 1e9 }, 20],
  ])(
    'S5: full jitter spreads 5,000 clients: no hundredth of the range holds more than 3 %%, %s',
    (_, one, attempt) => {
      const random = seededRandom(7);
      const buckets = new Array<number>(100).fill(0);
      const range = cappedMs(one, attempt);
      for (let client = 0; client < 5000; client += 1) {
        const bucket = Math.floor((delayMs(one, attempt, random) / range) * 100);
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      expect(Math.max(...buckets)).toBeLessThanOrEqual(150);
      expect(buckets.reduce((sum, count) => sum + count)).toBe(5000);
    },
  );
});
