import { describe, expect, it } from 'vitest';
import { type Answered, checkOf, findWrongAnswers } from '../check.ts';
import { findMoneyOff, findStockOff, findTornOrders, type ShopFacts } from './books.ts';

/** The facts of a confirmed order (2 cups, 500 cents) and a refunded order (1 cup). */
const sound: ShopFacts = {
  orders: [
    {
      orderId: 'good',
      state: 'confirmed',
      totalCents: 500,
      lines: [
        { sku: 'cup', quantity: 1 },
        { sku: 'cup', quantity: 1 },
      ],
    },
    { orderId: 'bad', state: 'cancelled', totalCents: 250, lines: [{ sku: 'cup', quantity: 1 }] },
  ],
  stock: [{ sku: 'cup', initial: 10, onHand: 8, reserved: 0, shipped: 2 }],
  reservations: [
    { orderId: 'good', sku: 'cup', quantity: 2, state: 'shipped' },
    { orderId: 'bad', sku: 'cup', quantity: 1, state: 'released' },
  ],
  payments: [
    { orderId: 'good', state: 'taken', amountCents: 500 },
    { orderId: 'bad', state: 'refunded', amountCents: 250 },
  ],
  parcels: [{ orderId: 'good' }],
  charges: [
    { orderId: 'good', state: 'taken', amountCents: 500, refundedCents: 0 },
    { orderId: 'bad', state: 'taken', amountCents: 250, refundedCents: 250 },
  ],
};

describe('the audit of the shop', () => {
  it('the audit finds nothing in a sound shop', () => {
    for (const find of [findTornOrders, findMoneyOff, findStockOff]) expect(find(sound)).toEqual([]);
  });

  it.each([
    [
      'an order that never ended',
      { orders: [{ ...sound.orders[0]!, state: 'placed' }] },
      'order_open',
      'never ended',
    ],
    [
      'goods that are still held',
      { reservations: [sound.reservations[0]!, { ...sound.reservations[1]!, state: 'held' }] },
      'order_torn',
      'bad is cancelled, but goods are still held',
    ],
    [
      'goods that were not all shipped',
      { reservations: [{ ...sound.reservations[0]!, quantity: 1 }] },
      'order_torn',
      'not what was ordered',
    ],
    [
      'a confirmed order without a parcel',
      { parcels: [] },
      'order_torn',
      'good is confirmed, but no parcel left',
    ],
    [
      'a parcel of a cancelled order',
      { parcels: [{ orderId: 'good' }, { orderId: 'bad' }] },
      'order_torn',
      'a parcel left',
    ],
    [
      'money kept for a cancelled order',
      { charges: [sound.charges[0]!, { ...sound.charges[1]!, refundedCents: 0 }] },
      'order_torn',
      'holds 250 cents',
    ],
    [
      'a confirmed order that was never paid',
      { charges: [sound.charges[1]!] },
      'order_torn',
      'holds 0 of 500',
    ],
  ] as const)('the audit names %s', (_what, change, kind, message) => {
    const findings = findTornOrders({ ...sound, ...change });
    expect(findings.length).toBeGreaterThan(0);
    expect(findings[0]).toMatchObject({ kind, message: expect.stringContaining(message) as string });
  });

  it('the audit names money that is off, in either book', () => {
    const [good, bad] = sound.charges;
    expect(findMoneyOff({ ...sound, charges: [{ ...good!, amountCents: 501 }, bad!] })).toEqual([
      {
        kind: 'money_off',
        message: 'confirmed orders cost 500 cents, payments holds 500, the provider charged 501 net',
      },
    ]);
    expect(findMoneyOff({ ...sound, payments: [] })).toHaveLength(1);
  });

  it('the audit names stock that was made, lost or miscounted', () => {
    const [cup] = sound.stock;
    expect(findStockOff({ ...sound, stock: [{ ...cup!, onHand: 7 }] })[0]?.message).toBe(
      'cup: 7 + 0 + 2 is not 10',
    );
    expect(findStockOff({ ...sound, stock: [{ ...cup!, onHand: 5, reserved: 3 }] })[0]?.message).toBe(
      'cup: 3 reserved, the reservations hold 0',
    );
    expect(findStockOff({ ...sound, reservations: [] })[0]?.message).toBe(
      'cup: 2 shipped, the reservations say 0',
    );
  });

  it('the audit names a request with two orders, an order without a request, and an answered order that does not exist', () => {
    const answered = (requestKey: string, ...ids: string[]) => ({ requestKey, ids: new Set(ids) });
    const ids = sound.orders.map(({ orderId }) => orderId);
    const found = (...answers: Answered[]) =>
      checkOf('one order for each request', answers.length, findWrongAnswers('order', ids, answers)).findings;
    expect(found(answered('r1', 'good'), answered('r2', 'bad'))).toEqual([]);
    expect(found(answered('r1', 'good', 'bad'))).toEqual(['order_doubled: r1 was answered with 2 orders']);
    expect(found(answered('r1', 'good'))).toEqual([
      'order_doubled: order bad exists, and no answer named it',
    ]);
    expect(found(answered('r1', 'good'), answered('r2', 'bad'), answered('r3', 'gone'))).toEqual([
      'order_missing: order gone was promised and is not there',
    ]);
  });
});
