import { expect, test } from 'vitest';
import { median, quantile, spread, summarize } from './statistics.ts';

test('a quantile is the nearest rank of the sorted sample', () => {
  const sample = [5, 1, 4, 2, 3];
  expect(quantile(sample, 0.5)).toBe(3);
  expect(quantile(sample, 0.99)).toBe(5);
  expect(quantile(sample, 0)).toBe(1);
  expect(quantile([], 0.5)).toBeNaN();
});

test('a median of an even number of rounds is the mean of the two in the middle', () => {
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([3, 1, 2])).toBe(2);
  expect(median([])).toBeNaN();
});

test('a summary gives minimum, median and maximum', () => {
  expect(summarize([3, 1, 2, 10])).toEqual({ min: 1, median: 2.5, max: 10 });
});

test('the spread of a side is the factor between its odd and its even rounds', () => {
  expect(spread([10, 12, 10, 12])).toBeCloseTo(1.2);
  expect(spread([12, 10, 12, 10])).toBeCloseTo(1.2);
  expect(spread([7])).toBe(1);
});
