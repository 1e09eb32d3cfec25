import { expect, it } from 'vitest';
import { judgementOf } from '../checker/check.ts';
import { inSync } from './reconciled.ts';

const counts = { keys: 0, compared: 40, unknown: 0, outcomes: {} };

it('a reconciler that found all keys in sync passes', () => {
  expect(judgementOf(inSync('stock', { ...counts, keys: 3, outcomes: { in_sync: 3 } }), true)).toBe('agrees');
  expect(judgementOf(inSync('stock', counts), true)).toBe('agrees');
});

it.each([
  ['a repaired key', { ...counts, outcomes: { repaired: 1 } }],
  ['a key that waits', { ...counts, outcomes: { pending: 1 } }],
  ['a part that could not be read', { ...counts, unknown: 1 }],
  ['nothing that was looked at', { ...counts, compared: 0 }],
])('%s fails the check', (_, wrong) => {
  expect(judgementOf(inSync('stock', wrong), true)).toBe('disagrees');
});
