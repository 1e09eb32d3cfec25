import { describe, expect, it } from 'vitest';
import { refusalReason, trackingId } from './parcel.ts';

const parcel = {
  orderId: '0192f0c1-7e6b-7000-8000-000000000001',
  country: 'PT',
  lines: [{ sku: 'cup', quantity: 50 }],
};

describe('the carrier', () => {
  it('the carrier accepts a parcel to a country that it serves', () =>
    expect(refusalReason(parcel)).toBeUndefined());

  it('the carrier refuses a country that it does not serve', () =>
    expect(refusalReason({ ...parcel, country: 'AQ' })).toBe('the carrier does not serve AQ'));

  it('the carrier refuses a parcel with too many pieces', () =>
    expect(
      refusalReason({
        ...parcel,
        lines: [
          { sku: 'cup', quantity: 40 },
          { sku: 'pot', quantity: 11 },
        ],
      }),
    ).toBe('51 pieces do not fit into a parcel of 50'));

  it('an order has one tracking id', () => {
    expect(trackingId(parcel.orderId)).toBe('CV8000000000000001');
    expect(trackingId(parcel.orderId)).toBe(trackingId(parcel.orderId));
  });
});
