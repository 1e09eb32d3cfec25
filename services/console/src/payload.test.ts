/** Seen to fail without: the mask of texts, the mask of numbers, `none`, and with `full` taken for a look. */
import { expect, it } from 'vitest';
import { hideErrors, shownError, shownPayload } from './payload.ts';
import { READER } from './types.ts';

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

it('G5n: without a look that is audited, `full` shows no more than `masked`, and `none` shows nothing', () => {
  expect(shownPayload(payload, 'full')).toBe(shownPayload(payload, 'masked'));
  expect(shownPayload(payload, 'none')).toBeUndefined();
  expect(shownPayload('4111 1111', 'masked')).toBe('‹9 bytes, not JSON›');
});

const ada = {
  kind: 'operator',
  user: 'ada',
  via: 'token',
  grants: [{ role: 'operator', areas: ['*'] }],
  formToken: 'f',
} as const;

it.each([
  ['card 4111-SECRET of ada@example.org was declined', 'card ‹…› of ‹…› was declined'],
  ['Key (name)=(Ada) already exists', 'Key (name)‹…› already exists'],
  ['no shelf for "blue chair" or \'red chair\'', 'no shelf for ‹…› or ‹…›'],
  ["the shelf isn't there, and can't be", "the shelf isn't there, and can't be"],
])('the text of an error is shown without what looks like a value: %j', (text, shown) => {
  expect(shownError(text, 'masked', ada)).toBe(shown);
  expect(shownError(text, 'full', READER)).toBe(shown);
  expect(shownError(text, 'full', ada)).toBe(text);
  expect(shownError(text, 'none', ada)).toBe('‹hidden›');
});

it('texts of errors are hidden at any depth, and the words of operators, times and codes stay', () => {
  const at = new Date(0);
  const acted = { by: 'bob', reason: 'ticket 7' };
  const row = {
    code: 'E1',
    at,
    reason: 'card 4111',
    attempts: [{ failure: { message: 'a@b.c', code: 'X2' } }],
    acted,
  };
  expect(hideErrors(row, 'masked', READER)).toEqual({
    code: 'E1',
    at,
    reason: 'card ‹…›',
    acted,
    attempts: [{ failure: { message: '‹…›', code: 'X2' } }],
  });
});
