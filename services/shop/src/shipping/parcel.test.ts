import { describe, expect, it } from 'vitest';
import { refusal, trackingId } from './parcel.ts';

const parcel = {
  orderId: '0192f0c1-7e6b-7000-8000-000000000001',
  country: 'PT',
  lines: [{ sku: 'cup', quantity: 50 }],
};

describe('the carrier', () => {
  it('takes what it can carry to where it goes', () => expect(refusal(parcel)).toBeUndefined());

  it('refuses where it does not go', () =>
    expect(refusal({ ...parcel, country: 'AQ' })).toBe('the carrier does not serve AQ'));

  it('refuses what does not fit', () =>
    expect(
      refusal({
        ...parcel,
        lines: [
          { sku: 'cup', quantity: 40 },
          { sku: 'pot', quantity: 11 },
        ],
      }),
    ).toBe('51 pieces do not fit into a parcel of 50'));

  it('gives one order one number', () => {
    expect(trackingId(parcel.orderId)).toBe('CV8000000000000001');
    expect(trackingId(parcel.orderId)).toBe(trackingId(parcel.orderId));
  });
});
