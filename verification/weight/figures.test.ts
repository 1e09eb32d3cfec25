import { expect, it } from 'vitest';
import { above, BARS, tableOf } from './figures.ts';

/** Bars of times are multiples of an import of 1,000 ms here: seconds are the multiple, milliseconds a thousand of it. */
const atBars = {
  ...BARS,
  convergekit: { ...BARS['convergekit'], import: 2_000 },
  'convergekit/postgres': { import: 2_700 },
  '@dbos-inc/dbos-sdk': { import: 1_000 },
};

it('figures at their bars pass, one above is named, and one that was not measured is no pass', () => {
  expect(above(atBars)).toEqual([]);
  const heavy = { ...atBars, convergekit: { ...atBars.convergekit, import: 2_001, ready: undefined } };
  expect(above(heavy)).toEqual([
    'convergekit: import is 2001, at most 2000 is wanted',
    'convergekit: ready was not measured',
  ]);
  expect(above({})).toEqual(['the import of @dbos-inc/dbos-sdk was not measured']);
});

it('the table has a row for each contender, and no column that none has', () => {
  expect(tableOf({ ours: { import: 150.4 }, theirs: { import: 89, 'installed size': 12 } })).toBe(
    [
      '|  | installed size, MB | import, ms |',
      '|---|---|---|',
      '| ours |  | 150 |',
      '| theirs | 12 | 89 |',
    ].join('\n'),
  );
});
