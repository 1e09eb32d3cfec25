import { expect, it } from 'vitest';
import { filtered, filterIn, filterSchema, parkedFilterOf } from './filter.ts';
import { shownHeaders } from './event.ts';

const parse = (fields: object) => filterIn(filterSchema.parse(fields));

it('the filter of an address is the filter of the database, and is written back the same', () => {
  const filter = parse({ consumer: 'stock', fingerprint: 'abc', since: '2026-01-01T00:00:00Z' });
  expect(parkedFilterOf(filter)).toEqual({
    consumer: 'stock',
    fingerprint: 'abc',
    since: new Date('2026-01-01T00:00:00Z'),
    states: ['dead', 'waiting'],
  });
  const address = filtered('/parked', filter);
  expect(parse(Object.fromEntries(new URLSearchParams(address.split('?')[1])))).toEqual(filter);
});

// Planted fault: with all headers shown, the token of a producer is in the page.
it('headers that name things are shown, and the values of others are masked', () => {
  const headers = JSON.stringify([
    ['ce_id', 'e-1'],
    ['x-token', 'secret'],
    ['bytes', { base64: 'AAA=' }],
    ['none', null],
  ]);
  expect(shownHeaders(headers)).toEqual([
    { name: 'ce_id', value: 'e-1' },
    { name: 'x-token', value: '‹text, 6›' },
    { name: 'bytes', value: '‹bytes›' },
    { name: 'none', value: 'null' },
  ]);
});
