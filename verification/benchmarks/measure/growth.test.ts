// Code that was removed once, and tests here failed: the line between two samples.
import { expect, test } from 'vitest';
import { rateBetween, ratesOfParts, reachedAt, type Sample } from './growth.ts';

const steady: Sample[] = [0, 1, 2, 3, 4].map((second) => ({ atMs: second * 1000, count: second * 100 }));

test('a moment between two samples lies on the line between them', () => {
  expect(reachedAt(steady, 150)).toBe(1500);
  expect(reachedAt(steady, 100)).toBe(1000);
  expect(reachedAt(steady, 401)).toBeNaN();
});

test('a rate is records per second, whatever the samples around it', () => {
  expect(rateBetween(steady, 50, 350)).toBeCloseTo(100);
});

test('a drain that gets slower shows in its parts', () => {
  const slowing: Sample[] = [
    { atMs: 0, count: 0 },
    { atMs: 1000, count: 500 },
    { atMs: 3000, count: 1000 },
  ];
  const [first, last] = ratesOfParts(slowing, 1000, 2);
  expect(first).toBeCloseTo(500);
  expect(last).toBeCloseTo(250);
});
