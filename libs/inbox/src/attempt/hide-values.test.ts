import { describe, expect, it } from 'vitest';
import { hideValuesOf } from './hide-values.ts';

const hiding = (payload: unknown, current?: unknown) =>
  hideValuesOf({ value: Buffer.from(JSON.stringify(payload)) }, current);

describe('G5e: the text of an error', () => {
  // Planted faults, each seen to fail here: only long values; no look into JSON inside of a string; no data that came later.
  it.each([
    ['a text', { name: 'Ann Smith' }, 'no seat for Ann Smith', 'no seat for [value]'],
    ['a text inside a word', { name: 'smith' }, 'mr-smithson', 'mr-[value]son'],
    ['a number', { lines: [{ cents: 4_112 }] }, 'at most 10, not 4112', 'at most 10, not [value]'],
    ['a short value', { sku: 'x1' }, 'x1 is not x10', '[value] is not x10'],
    ['a short value with a hyphen', { order: 'o-1' }, 'no shelf for o-1', 'no shelf for [value]'],
    ['a negative number', { change: -5 }, 'no stock for -5', 'no stock for [value]'],
    ['a value with signs', { mail: 'a+b@(x).org' }, 'to a+b@(x).org.', 'to [value].'],
    ['JSON inside a text', { event: { payload: '{"card":"4111-1"}' } }, 'card 4111-1', 'card [value]'],
    ['the longer of two values', { a: 'ann', b: 'ann smith' }, 'for ann smith', 'for [value]'],
  ])('loses %s of the event', (_, payload, text, shown) => expect(hiding(payload)(text)).toBe(shown));

  it('keeps the words that are no values, and the names of fields', () =>
    expect(hiding({ total: 'x' })("Cannot read properties of undefined (reading 'total')")).toBe(
      "Cannot read properties of undefined (reading 'total')",
    ));

  it('loses the values of the data that replaced those of the event', () =>
    expect(hiding({ n: 'old one' }, { n: 'new one' })('old one, new one')).toBe('[value], [value]'));

  it('is hidden whole when the event is no JSON, or has more values than can be searched for', () => {
    const hidden = '(not shown: it may quote values of the event)';
    expect(hideValuesOf({ value: Buffer.from('{"key":') })('key')).toBe(hidden);
    expect(hiding(Array.from({ length: 20_000 }, (_, n) => n))('20')).toBe(hidden);
  });

  it('is shown when there is no payload', () =>
    expect(hideValuesOf({ value: null })('nothing to do')).toBe('nothing to do'));
});
