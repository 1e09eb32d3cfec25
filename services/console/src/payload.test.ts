/** Seen to fail without: the mask of texts, the mask of numbers, `none`, and with `full` taken for a look. */
import { expect, it } from 'vitest';
import { shownPayload } from './payload.ts';

const payload = JSON.stringify({
  card: '4111 1111',
  amount: 1250,
  vip: true,
  items: [{ sku: 'A-1' }],
  none: null,
});

it('a masked payload keeps names and shape, and no value', () => {
  const shown = shownPayload(payload, 'masked') ?? '';
  expect(JSON.parse(shown)).toEqual({
    card: '‹text, 9›',
    amount: '‹number›',
    vip: '‹true or false›',
    items: [{ sku: '‹text, 3›' }],
    none: null,
  });
});

it('without a look that is audited, `full` shows no more than `masked`, and `none` shows nothing', () => {
  expect(shownPayload(payload, 'full')).toBe(shownPayload(payload, 'masked'));
  expect(shownPayload(payload, 'none')).toBeUndefined();
  expect(shownPayload('4111 1111', 'masked')).toBe('‹9 bytes, not JSON›');
});
