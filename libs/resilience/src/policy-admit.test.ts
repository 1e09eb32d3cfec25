import { describe, expect, it } from 'vitest';
import { admitRules } from './policy-admit.ts';
import type { PolicyLayer } from './index.ts';

const below: readonly PolicyLayer[] = [
  { source: 'code', rules: { payment: { attempts: 4, backoff: { capMs: 1_000 } } } },
];

describe('rules of the central table', () => {
  it('offered rules apply above the layers below', () => {
    const { book, refused } = admitRules(below, [{ name: 'payment', version: 1, change: { attempts: 7 } }]);
    expect(book.for('payment.charge')).toMatchObject({ attempts: 7, backoff: { capMs: 1_000 } });
    expect(refused).toEqual([]);
  });

  // Planted fault: a book of all rows at once, valid or none, fails here: `stock` would not be admitted.
  it('S36: invalid rules are refused with the reason; the last valid rule and all others stay', () => {
    const offered = [
      { name: 'payment', version: 3, change: { attempts: 0 } },
      { name: 'stock', version: 4, change: { attempts: 2 } },
      { name: 'parcel', version: 5, change: 'nonsense' },
    ];
    const { book, refused, rules } = admitRules(below, offered, { payment: { attempts: 7 } });
    expect(book.for('payment').attempts).toBe(7);
    expect(book.for('stock').attempts).toBe(2);
    expect(Object.keys(rules)).toEqual(['payment', 'stock']);
    expect(refused).toMatchObject([
      { name: 'payment', version: 3, reason: expect.stringContaining('attempts counts the first one') },
      { name: 'parcel', version: 5 },
    ]);
  });

  it('of two contradictory rules the older one stays', () => {
    const offered = [
      { name: 'payment.charge', version: 2, change: { deadlineMs: 1_000, attemptTimeoutMs: 500 } },
      { name: 'payment', version: 1, change: { attempts: 10 } },
    ];
    const { book, refused } = admitRules(below, offered);
    expect(book.for('payment.charge')).toMatchObject({ attempts: 10, deadlineMs: 60_000 });
    expect(refused.map(({ name }) => name)).toEqual(['payment.charge']);
  });
});
