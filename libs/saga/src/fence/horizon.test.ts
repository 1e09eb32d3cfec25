import { newUuidV7 } from '@convergekit/core';
import { expect, it } from 'vitest';
import { fromBelow, startOf } from './horizon.ts';

const [early, before, late] = ['2026-01-01', '2026-06-01', '2026-12-01'].map((day) => new Date(day));

it('the start time of a run is read from a UUIDv7 id, and from no other id', () => {
  expect(startOf('0197f000-0000-7000-8000-000000000000')).toEqual(new Date(0x0197f0000000));
  expect(Math.abs(Date.now() - (startOf(newUuidV7())?.getTime() ?? 0))).toBeLessThan(60_000);
  for (const id of [
    '',
    'order-1',
    '0197f000-0000-4000-8000-000000000000',
    '0197F000-0000-7000-8000-000000000000',
  ])
    expect(startOf(id)).toBeUndefined();
});

it.each([
  ['a run that started after the horizon', late, 'undo', late, 'absent'],
  ['a run whose id says nothing', undefined, 'undo', late, 'absent'],
  ['an old event that begins a step', early, 'begin', early, 'repeat'],
  ['a new event that begins a step', early, 'begin', late, 'absent'],
  ['the failure of a step that a new event began', early, 'not_applied', late, 'absent'],
  ['the failure after an effect of such a step', early, 'applied_in_failure', late, 'absent'],
  ['the unknown outcome of such a step', early, 'unknown', late, 'absent'],
  ['an old event that queries for an undo', early, 'undo', early, 'repeat'],
  ['a new event that queries for an undo', early, 'undo', late, 'forgotten'],
  ['a cancellation', early, 'cancel', undefined, 'forgotten'],
] as const)('for %s, a step without a row counts as %s', (_, startedAt, trigger, causeTime, found) => {
  expect(fromBelow({ startedAt, before }, { trigger, causeTime })).toBe(found);
  expect(fromBelow({ startedAt, before: undefined }, { trigger, causeTime })).toBe('absent');
});
