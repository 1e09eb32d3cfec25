import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('a token bucket', () => {
  it('a token bucket gives its burst at once and the rest at its rate', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 3 });
    expect(Array.from({ length: 5 }, () => bucket.take(0))).toEqual([0, 0, 0, 100, 200]);
    expect(bucket.take(1_000)).toBe(0);
  });

  it('a token bucket never exceeds burst plus rate in any interval', () => {
    const arrivals = fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(arrivals, fc.integer({ min: 1, max: 5 }), (pauses, burst) => {
        const bucket = new TokenBucket({ perSecond: 10, burst });
        let now = 0;
        const used = pauses.map((pause) => (now += pause) + bucket.take(now));
        for (let from = 0; from < used.length; from += 1)
          for (let to = from; to < used.length; to += 1)
            expect(to - from + 1).toBeLessThanOrEqual(
              burst + ((used[to] ?? 0) - (used[from] ?? 0)) / 100 + 1e-6,
            );
        expect(used).toEqual(used.toSorted((a, b) => a - b));
      }),
    );
  });

  it('a token bucket rejects a rate that admits nothing', () => {
    expect(() => new TokenBucket({ perSecond: 0, burst: 1 })).toThrow('give a rate above 0');
  });
});
