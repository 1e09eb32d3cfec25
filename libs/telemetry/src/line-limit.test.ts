import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { LineLimit } from './line-limit.ts';

const times = (limit: LineLimit, count: number, kind = 'orders X') =>
  Array.from({ length: count }, () => limit.take(kind));

it('a kind has a hundred lines a minute; the last says how long it is quiet, and the next how many were left out', async () => {
  const clock = manualClock();
  const limit = new LineLimit(clock);
  expect(times(limit, 1)).toEqual([{}]);
  await clock.advance(20_000);
  const rest = times(limit, 5_000);
  expect(rest.filter((note) => note !== undefined)).toHaveLength(99);
  expect(rest[98]).toEqual({ quietMs: 40_000 });
  expect(times(limit, 1, 'orders Y')).toEqual([{}]);
  await clock.advance(40_000);
  expect(times(limit, 2)).toEqual([{ leftOut: 4_901 }, {}]);
});

it('a flood of kinds is forgotten rather than kept', () => {
  const limit = new LineLimit(manualClock());
  times(limit, 200);
  for (let n = 0; n < 1_000; n += 1) limit.take(`orders ${n}`);
  expect(limit.take('orders X')).toEqual({});
});
