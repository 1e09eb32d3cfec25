// Code that was removed once, and the test failed: the look at failures before a round.
import { expect, test } from 'vitest';
import { Series } from './series.ts';

test('a side that fails keeps the rounds it had, is not measured again, and does not touch the others', async () => {
  const series = new Series<number>();
  let tried = 0;
  await series.round('a', () => Promise.resolve(1));
  await series.round('b', () => Promise.resolve(10));
  await series.round('b', () => Promise.reject(new Error('no Java')));
  await series.round('b', () => Promise.resolve((tried += 1)));
  await series.round('a', () => Promise.resolve(2));
  expect(series.of('a')).toEqual([1, 2]);
  expect(series.of('b')).toEqual([10]);
  expect(series.failure('b')).toBe('no Java');
  expect(series.failure('a')).toBeUndefined();
  expect(tried).toBe(0);
  expect(series.sides).toEqual(['a', 'b']);
});
