import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decideReservation,
  type Levels,
  mergeLines,
  release,
  reserve,
  ship,
  type StockLevel,
} from './stock.ts';

const levels = (...all: StockLevel[]): Levels => new Map(all.map((level) => [level.sku, level]));
const cup = (onHand: number, reserved = 0, shipped = 0): StockLevel => ({
  sku: 'cup',
  onHand,
  reserved,
  shipped,
});

describe('a reservation', () => {
  it('a reservation moves goods from on hand to reserved', () => {
    expect(reserve(levels(cup(5)), [{ sku: 'cup', quantity: 2 }])).toEqual({
      kind: 'reserved',
      levels: [cup(3, 2)],
    });
  });

  it('a reservation takes the last piece, and not one more', () => {
    expect(reserve(levels(cup(1)), [{ sku: 'cup', quantity: 1 }]).kind).toBe('reserved');
    expect(reserve(levels(cup(1)), [{ sku: 'cup', quantity: 2 }])).toEqual({
      kind: 'rejected',
      reason: '2 of cup wanted, 1 left',
    });
  });

  it('a reservation takes all lines or none', () => {
    const result = reserve(levels(cup(9)), [
      { sku: 'cup', quantity: 1 },
      { sku: 'hat', quantity: 1 },
    ]);
    expect(result).toEqual({ kind: 'rejected', reason: 'we do not sell hat' });
  });

  it('a reservation merges lines of one article, in one order of articles', () => {
    expect(
      mergeLines([
        { sku: 'pot', quantity: 1 },
        { sku: 'cup', quantity: 2 },
        { sku: 'pot', quantity: 3 },
      ]),
    ).toEqual([
      { sku: 'cup', quantity: 2 },
      { sku: 'pot', quantity: 4 },
    ]);
  });

  it('a reservation ends once: released or shipped, never both', () => {
    expect(decideReservation('held', 'shipped')).toEqual({ kind: 'move' });
    expect(decideReservation('released', 'released')).toEqual({ kind: 'moved' });
    expect(decideReservation('shipped', 'released').kind).toBe('contradiction');
    expect(decideReservation('released', 'shipped').kind).toBe('contradiction');
  });
});

describe('the stock', () => {
  const skus = ['cup', 'hat', 'pot'];
  const line = fc.record({ sku: fc.constantFrom(...skus), quantity: fc.integer({ min: 1, max: 9 }) });
  const act = fc.oneof(
    fc.record({ do: fc.constant('reserve' as const), lines: fc.array(line, { minLength: 1, maxLength: 4 }) }),
    fc.record({ do: fc.constantFrom('release' as const, 'ship' as const), pick: fc.nat() }),
  );

  it('stock is never negative and its sum is constant under any reservations, releases and shipments', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 30 }), { minLength: 3, maxLength: 3 }),
        fc.array(act, { maxLength: 60 }),
        (initial, acts) => {
          let now: Levels = levels(
            ...skus.map((sku, i) => ({ sku, onHand: initial[i] ?? 0, reserved: 0, shipped: 0 })),
          );
          const held: (readonly { sku: string; quantity: number }[])[] = [];
          for (const next of acts) {
            let changed: readonly StockLevel[];
            if (next.do === 'reserve') {
              const lines = mergeLines(next.lines);
              const result = reserve(now, lines);
              if (result.kind === 'rejected') continue;
              held.push(lines);
              changed = result.levels;
            } else {
              const [lines] = held.splice(next.pick % Math.max(1, held.length), 1);
              if (lines === undefined) continue;
              changed = next.do === 'release' ? release(now, lines) : ship(now, lines);
            }
            now = new Map([...now, ...changed.map((level) => [level.sku, level] as const)]);
            for (const [i, sku] of skus.entries()) {
              const { onHand, reserved, shipped } = now.get(sku)!;
              expect(Math.min(onHand, reserved, shipped)).toBeGreaterThanOrEqual(0);
              expect(onHand + reserved + shipped).toBe(initial[i]);
              const open = held.flat().filter((one) => one.sku === sku);
              expect(reserved).toBe(open.reduce((sum, one) => sum + one.quantity, 0));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
