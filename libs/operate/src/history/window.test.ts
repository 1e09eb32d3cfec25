import { newUuidV7 } from '@convergekit/core';
import { expect, it } from 'vitest';
import { bounds, timeOfId, windowsAround } from './window.ts';

it('spans of time around moments are joined where they touch, and are in order', () => {
  const minute = 60_000;
  expect(windowsAround([100 * minute, 0, 5 * minute], 10 * minute)).toEqual([
    { from: -minute, to: 15 * minute },
    { from: 99 * minute, to: 110 * minute },
  ]);
  expect(windowsAround([], minute)).toEqual([]);
});

it('a time is read from a UUIDv7 id, and none from a deterministic id', () => {
  const before = Date.now();
  const time = timeOfId(newUuidV7());
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(Date.now());
  expect(timeOfId('0199f3c2-0000-8000-8000-000000000000')).toBeUndefined();
  expect(timeOfId('order-17')).toBeUndefined();
});

it('the span of all time has infinite bounds', () => {
  const always = { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  expect(bounds([always])).toEqual({ from: ['-infinity'], to: ['infinity'] });
});
