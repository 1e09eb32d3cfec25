import { expect, test } from 'vitest';
import { figureTable, table } from './markdown.ts';

test('a figure is one row: bar, both sides, ratio with its spread, verdict', () => {
  const text = figureTable([
    {
      name: 'commit→consumer p99',
      bar: { kind: 'at most', ratio: 1 },
      ours: { value: 7.12, unit: 'ms', digits: 1 },
      rival: { value: 21.3, unit: 'ms', digits: 1, who: 'Debezium' },
      spread: 1.08,
    },
    {
      name: 'takeover',
      bar: { kind: 'below', limit: 10, unit: 's' },
      ours: undefined,
      rival: undefined,
      note: 'it failed',
    },
  ]);
  expect(text.split('\n')).toEqual([
    '| figure | bar | ours | rival | ratio | met? |',
    '|---|---|---|---|---|---|',
    '| commit→consumer p99 | ≤ 1x | 7.1 ms | 21.3 ms (Debezium) | 0.33x (A/A 1.08) | yes |',
    '| takeover | ≤ 10 s | – | – | – | not measured; it failed |',
  ]);
});

test('a cell cannot break the table', () => {
  expect(table(['a'], [['x|y\nz']])).toBe('| a |\n|---|\n| x\\|y z |');
});
