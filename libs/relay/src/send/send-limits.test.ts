import { expect, it } from 'vitest';
import { SendLimits } from './send-limits.ts';

const [slow, fast] = [{}, {}];

it('the time limit of a partition doubles up to 16 s when writes get no answer, and the longest one counts for a write', () => {
  const limits = new SendLimits(2_000);
  const seen = Array.from({ length: 5 }, () => {
    const limitMs = limits.of([fast, slow]);
    limits.timedOut(slow, limitMs);
    return limitMs;
  });
  expect(seen).toEqual([2_000, 4_000, 8_000, 16_000, 16_000]);
  expect(limits.of([fast])).toBe(2_000);
});

it('the time limit of a partition halves when writes are answered in a quarter of it, and not below the first one', () => {
  const limits = new SendLimits(2_000);
  for (const limitMs of [2_000, 4_000]) limits.timedOut(slow, limitMs);
  const after = (tookMs: number): number => {
    limits.answered(slow, tookMs);
    return limits.of([slow]);
  };
  expect([3_000, 2_000, 1_001, 1_000, 0].map(after)).toEqual([8_000, 4_000, 4_000, 2_000, 2_000]);
});

it('a first time limit above 16 s is never shortened', () => {
  const limits = new SendLimits(20_000);
  limits.timedOut(slow, limits.of([slow]));
  expect(limits.of([slow])).toBe(20_000);
});
