import { expect, it } from 'vitest';
import { passed } from './judge.ts';
import { check } from './reconciled.ts';

const counts = { keys: 0, compared: 40, unknown: 0, outcomes: {} };

it('a reconciler that found all keys in sync passes', () => {
  expect(passed(check('stock', { ...counts, keys: 3, outcomes: { in_sync: 3 } }))).toBe(true);
  expect(passed(check('stock', counts))).toBe(true);
});

it.each([
  ['a repaired key', { ...counts, outcomes: { repaired: 1 } }],
  ['a key that waits', { ...counts, outcomes: { pending: 1 } }],
  ['a part that could not be read', { ...counts, unknown: 1 }],
  ['nothing that was looked at', { ...counts, compared: 0 }],
])('%s fails the check', (_, wrong) => {
  expect(passed(check('stock', wrong))).toBe(false);
});
