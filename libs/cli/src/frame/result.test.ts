import { expect, it } from 'vitest';
import { listing, result } from './result.ts';

const columns = {
  name: (row: { name: string; at: Date | null }) => row.name,
  'last seen': (row: { name: string; at: Date | null }) => row.at,
};

it('a listing has headings in capitals, times in ISO 8601, and a dash for what is absent', () => {
  const rows = [
    { name: 'a', at: new Date(0) },
    { name: 'bb', at: null },
  ];
  expect(listing(rows, 'no jars', columns).lines()).toEqual([
    'NAME  LAST SEEN',
    'a     1970-01-01T00:00:00.000Z',
    'bb    -',
  ]);
});

it('a listing without rows is one sentence in text, and an empty array in JSON', () => {
  const { value, lines, ok } = listing([], 'no jars', columns);
  expect({ value, lines: lines(), ok }).toEqual({ value: [], lines: ['no jars'], ok: true });
});

it('a result is ok unless the command says otherwise', () => {
  expect([result(1, () => []).ok, result(1, () => [], false).ok]).toEqual([true, false]);
});
