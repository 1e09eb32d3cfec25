import { expect, it } from 'vitest';
import { fieldLines, labelled } from './fields.ts';

it('plain data is shown as labelled lines, and what is nested is indented', () => {
  const shown = fieldLines({
    id: 'a',
    idempotencyKey: 'k',
    nothing: null,
    outcome: { kind: 'failed', failure: { code: 'X' } },
    headers: { ce_id: '1' },
    story: [{ at: new Date(0) }, { at: new Date(1) }],
    names: ['x', 'y'],
    none: [],
    text: 'two\nlines',
  });
  expect(shown).toEqual([
    'id               a',
    'idempotency key  k',
    'outcome',
    '  kind     failed',
    '  failure',
    '    code  X',
    'headers',
    '  ce_id  1',
    'story',
    '  1.',
    '    at  1970-01-01T00:00:00.000Z',
    '  2.',
    '    at  1970-01-01T00:00:00.001Z',
    'names',
    '  x',
    '  y',
    'none             -',
    'text             two\\nlines',
  ]);
});

it('labelled values stand under each other, without those that are absent', () => {
  expect(
    labelled([
      ['state', 'held'],
      ['last run', undefined],
      ['keys', 3],
    ]),
  ).toEqual(['state  held', 'keys   3']);
});
