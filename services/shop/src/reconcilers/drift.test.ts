import { describe, expect, it } from 'vitest';
import type { OrderState } from '../orders/order.ts';
import { compareCounters } from './counters.ts';
import { compareReservation, unresolvable } from './reservation-drift.ts';

const counters = { sku: 'cup', initial: 10, onHand: 7, reserved: 1, shipped: 2, version: 4 };
const held = { sku: 'cup', state: 'held', version: 1 } as const;

describe('the counters of an article', () => {
  it('counters that equal the sums of the reservations have no drift', () =>
    expect(compareCounters({ held: 1, shipped: 2 }, counters)).toBeNull());

  it('a drift of counters names the counted and the wanted values', () =>
    expect(compareCounters({ held: 1, shipped: 2 }, { ...counters, reserved: 4 })).toEqual({
      sku: 'cup',
      is: { onHand: 7, reserved: 4, shipped: 2 },
      wanted: { onHand: 7, reserved: 1, shipped: 2 },
    }));
});

describe('goods that are held', () => {
  const fact = { orderId: 'o', lines: [held] };
  const order = (state: OrderState) => ({ state });

  it('held goods are right while their order is open', () => {
    expect(compareReservation(order('placed'), fact)).toBeNull();
    expect(compareReservation(null, fact)).toBeNull();
    expect(compareReservation(order('cancelled'), null)).toBeNull();
  });

  it('held goods of an ended order are a drift towards its end', () => {
    expect(compareReservation(order('confirmed'), fact)?.wanted).toBe('shipped');
    expect(compareReservation(order('cancelled'), fact)?.wanted).toBe('released');
    expect(
      compareReservation(order('confirmed'), { ...fact, lines: [{ ...held, state: 'shipped' }] }),
    ).toBeNull();
  });

  it('goods that ended the other way need an operator', () => {
    const drift = compareReservation(order('confirmed'), {
      ...fact,
      lines: [{ ...held, state: 'released' }],
    });
    expect(unresolvable(drift!)).toBe('cup is released and should be shipped');
    expect(unresolvable(compareReservation(order('confirmed'), fact)!)).toBeNull();
  });
});
