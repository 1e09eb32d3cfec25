import { describe, expect, it } from 'vitest';
import { decideOutcome, totalCents } from './order.ts';

describe('an order', () => {
  it('an order ends once, either way', () => {
    expect(decideOutcome('placed', { state: 'confirmed' })).toEqual({
      kind: 'settle',
      outcome: { state: 'confirmed' },
    });
    expect(decideOutcome('placed', { state: 'cancelled', reason: 'no stock' }).kind).toBe('settle');
  });

  it('a repeated outcome of an order changes nothing', () => {
    expect(decideOutcome('confirmed', { state: 'confirmed' })).toEqual({ kind: 'settled' });
    expect(decideOutcome('cancelled', { state: 'cancelled', reason: 'other words' })).toEqual({
      kind: 'settled',
    });
  });

  it('an ended order never changes to the other end', () => {
    expect(decideOutcome('confirmed', { state: 'cancelled', reason: 'late' })).toEqual({
      kind: 'contradiction',
      message: 'the order is confirmed and cannot become cancelled',
    });
    expect(decideOutcome('cancelled', { state: 'confirmed' }).kind).toBe('contradiction');
  });

  it('an order costs the sum of its lines', () => {
    expect(
      totalCents([
        { sku: 'cup', quantity: 3, unitCents: 250 },
        { sku: 'pot', quantity: 1, unitCents: 1999 },
      ]),
    ).toBe(2749);
  });
});
