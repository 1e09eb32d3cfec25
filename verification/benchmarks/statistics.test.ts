import { expect, test } from 'vitest';
import { quantile, summarize } from './statistics.ts';

test('a quantile is the nearest rank of the sorted sample', () => {
  const sample = [5, 1, 4, 2, 3];
  expect(quantile(sample, 0.5)).toBe(3);
  expect(quantile(sample, 0.99)).toBe(5);
  expect(quantile(sample, 0)).toBe(1);
  expect(quantile([], 0.5)).toBeNaN();
});

test('a summary gives minimum, median and maximum', () => {
  expect(summarize([3, 1, 2, 10])).toEqual({ min: 1, median: 2, max: 10 });
});
