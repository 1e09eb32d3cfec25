import { describe, expect, it } from 'vitest';
import { type Snapshot, writtenBetween } from './written.ts';

const table = (keys: readonly string[], ...rows: readonly Record<string, unknown>[]): Snapshot =>
  new Map([['stock', { keys, rows: rows.map((row) => ({ row, text: JSON.stringify(row) })) }]]);

describe('the difference of two snapshots', () => {
  it('a table with equal rows in another order has no change', () => {
    const [a, b] = [{ sku: 'a' }, { sku: 'b' }];
    expect(writtenBetween(table(['sku'], a, b), table(['sku'], b, a))).toEqual({});
  });

  it('a row of another content is updated where its primary key is the same', () => {
    const before = table(['sku'], { sku: 'a', free: 1 }, { sku: 'b', free: 1 });
    const after = table(['sku'], { sku: 'a', free: 2 }, { sku: 'c', free: 1 });
    expect(writtenBetween(before, after)).toEqual({
      stock: {
        inserted: [{ sku: 'c', free: 1 }],
        updated: [{ before: { sku: 'a', free: 1 }, after: { sku: 'a', free: 2 } }],
        deleted: [{ sku: 'b', free: 1 }],
      },
    });
  });

  it('one more of several equal rows without a primary key is one insertion', () => {
    const view = { visitor: 'v' };
    const change = { inserted: [view], updated: [], deleted: [] };
    expect(writtenBetween(table([], view, view), table([], view, view, view))).toEqual({ stock: change });
  });

  it('a table that appears or disappears is compared with no rows', () => {
    const one = table(['sku'], { sku: 'a' });
    expect(writtenBetween(new Map(), one)['stock']?.inserted).toEqual([{ sku: 'a' }]);
    expect(writtenBetween(one, new Map())['stock']?.deleted).toEqual([{ sku: 'a' }]);
  });
});
