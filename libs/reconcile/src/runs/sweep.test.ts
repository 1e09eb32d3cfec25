import { describe, expect, it } from 'vitest';
import { distinctKeys } from './sweep.ts';

describe('distinctKeys', () => {
  it('counts a key once, whichever list it is in', () => {
    const count = distinctKeys();
    expect([count(['a', 'b', 'a']), count(['b', 'c']), count([])]).toEqual([2, 1, 0]);
  });

  it.each([
    ['numbers', (n: number) => `${n}`],
    ['names with one stem', (n: number) => `order-2026-${n.toString().padStart(9, '0')}`],
  ])('counts a hundred thousand keys within 1 %, and never too many: %s', (_, keyOf) => {
    const counted = distinctKeys()(Array.from({ length: 100_000 }, (__, n) => keyOf(n)));
    expect(counted).toBeLessThanOrEqual(100_000);
    expect(counted).toBeGreaterThan(99_000);
  });
});
