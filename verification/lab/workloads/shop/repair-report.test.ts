import { expect, it } from 'vitest';
import type { Repair } from '../../operator.ts';
import { fieldChanges, repairReport } from './repair-report.ts';

const repair = (reconciler: string, key: string, before: unknown, after: unknown): Repair => ({
  reconciler,
  key,
  before,
  after,
  why: 'why',
  verdict: 'repaired',
  at: '2026-11-30T00:00:00Z',
});

it('the fields that a repair changed are listed by their paths, and no others', () => {
  const before = { orderId: 'o1', lines: [{ sku: 'cup', state: 'held' }], version: 1 };
  const after = { orderId: 'o1', lines: [{ sku: 'cup', state: 'shipped' }], version: 2, note: null };
  expect(fieldChanges(before, after)).toEqual([
    { field: 'lines.0.state', before: 'held', after: 'shipped' },
    { field: 'note', before: undefined, after: null },
    { field: 'version', before: 1, after: 2 },
  ]);
  expect(fieldChanges(null, { a: 1 })).toEqual([{ field: '(value)', before: null, after: { a: 1 } }]);
  expect(fieldChanges(before, before)).toEqual([]);
});

it('the report of repairs shows each reconciler at least once, with before, after and why, and counts the others', () => {
  const lines = repairReport([
    ...['cup', 'hat', 'tray'].map((sku) => repair('counters', sku, { reserved: 5 }, { reserved: 2 })),
    repair('list', 'o1', { payment: 'none', version: 1 }, { payment: 'taken', version: 2 }),
  ]);
  expect(lines).toEqual([
    'counters: 3 keys',
    '  cup: why',
    '    reserved  5 → 2',
    '  hat: why',
    '    reserved  5 → 2',
    '  … and 1 more',
    'list: 1 key',
    '  o1: why',
    '    payment  "none" → "taken"',
    '    version  1 → 2',
  ]);
});
