import { describe, expect, it } from 'vitest';
import type { OrderState } from '../orders/order.ts';
import { compareCounters } from './counters.ts';
import { compareReservation, unresolvable } from './reservation-drift.ts';

const counters = { sku: 'cup', initial: 10, onHand: 7, reserved: 1, shipped: 2, version: 4 };
const held = { sku: 'cup', state: 'held', version: 1 } as const;

describe('the counters of an article', () => {
  it('agree with its reservations', () =>
    expect(compareCounters({ held: 1, shipped: 2 }, counters)).toBeNull());

  it('drift by name, with what they should be and the version that was seen', () =>
    expect(compareCounters({ held: 1, shipped: 2 }, { ...counters, reserved: 4 })).toEqual({
      sku: 'cup',
      version: 4,
      is: { onHand: 7, reserved: 4, shipped: 2 },
      wanted: { onHand: 7, reserved: 1, shipped: 2 },
    }));
});

describe('goods that are held', () => {
  const fact = { orderId: 'o', handled: true, lines: [held] };
  const order = (state: OrderState, longAgo = false) => ({ state, longAgo });

  it('are right while their order is open, whatever else they are', () => {
    expect(compareReservation(order('placed'), fact)).toBeNull();
    expect(compareReservation(null, fact)).toBeNull();
    expect(compareReservation(order('cancelled'), null)).toBeNull();
  });

  it('must have gone the way of their order when it ended', () => {
    expect(compareReservation(order('confirmed'), fact)?.wanted).toBe('shipped');
    expect(compareReservation(order('cancelled'), fact)?.wanted).toBe('released');
    expect(
      compareReservation(order('confirmed'), { ...fact, lines: [{ ...held, state: 'shipped' }] }),
    ).toBeNull();
  });

  it('are waited for while the event that ends it may be on its way', () => {
    const late = { ...fact, handled: false };
    expect(compareReservation(order('confirmed'), late)).toBeNull();
    expect(compareReservation(order('confirmed', true), late)?.wanted).toBe('shipped');
  });

  it('are left to a person when they went the other way', () => {
    const drift = compareReservation(order('confirmed'), {
      ...fact,
      lines: [{ ...held, state: 'released' }],
    });
    expect(unresolvable(drift!)).toBe('cup is released and should be shipped');
    expect(unresolvable(compareReservation(order('confirmed'), fact)!)).toBeNull();
  });
});
