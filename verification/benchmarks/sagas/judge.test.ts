import { expect, it } from 'vitest';
import { type Facts, judge } from './judge.ts';
import type { LedgerEntry } from './stub/provider.ts';

const big = { orderId: 'big', quantity: 11, cents: 500 };
const small = { orderId: 'small', quantity: 2, cents: 300 };
const entry = (orderId: string, kind: LedgerEntry['kind'], cents: number): LedgerEntry => ({
  key: `${orderId}-${kind}`,
  kind,
  orderId,
  cents,
  calls: 1,
});

const good: Facts = {
  orders: [small, big],
  ends: [
    { orderId: 'small', outcome: 'completed' },
    { orderId: 'big', outcome: 'refused' },
  ],
  reservations: [
    { orderId: 'small', quantity: 2, state: 'held' },
    { orderId: 'big', quantity: 11, state: 'released' },
  ],
  allocations: [{ orderId: 'small', quantity: 2 }],
  ledger: [entry('small', 'charge', 300), entry('big', 'charge', 500), entry('big', 'refund', 500)],
};

it('a run whose orders are paid and allocated, or compensated, has no violation', () => {
  expect(judge(good)).toEqual({ violations: [], doubles: 0, repeats: 0, notEnded: 0 });
});

it('an order that is charged under two keys is a double effect and violates the sum', () => {
  const twice = { ...entry('small', 'charge', 300), key: 'another' };
  const { violations, doubles } = judge({ ...good, ledger: [...good.ledger, twice] });
  expect(doubles).toBe(1);
  expect(violations).toEqual(['order small: the ledger says 600 cents, 300 expected']);
});

it('a repeat of a key is counted and violates nothing', () => {
  const ledger = good.ledger.map((one) => ({ ...one, calls: 3 }));
  expect(judge({ ...good, ledger })).toMatchObject({ violations: [], doubles: 0, repeats: 6 });
});

it.each<[string, Partial<Facts>, string]>([
  [
    'without a refund',
    { ledger: good.ledger.slice(0, 2) },
    'order big: the ledger says 500 cents, 0 expected',
  ],
  ['without a charge', { ledger: good.ledger.slice(1) }, 'order small: it was never charged'],
  [
    'whose stock is not released',
    { reservations: good.reservations.map((row) => ({ ...row, state: 'held' })) },
    'order big: 11 pieces are reserved, 0 expected',
  ],
  ['without its allocation', { allocations: [] }, 'order small: 0 pieces are allocated, 2 expected'],
  [
    'with two ends',
    { ends: [...good.ends, { orderId: 'small', outcome: 'completed' }] },
    'order small: it ended 2 times',
  ],
  [
    'with the wrong end',
    { ends: good.ends.map((row) => ({ ...row, outcome: 'completed' })) },
    'order big: it is not refused',
  ],
])('an order %s is a violation', (_, changed, expected) => {
  expect(judge({ ...good, ...changed }).violations).toContain(expected);
});

it('an order without an end is counted, and its sums are not judged', () => {
  const facts = { ...good, ends: good.ends.slice(0, 1), reservations: good.reservations.slice(0, 1) };
  expect(judge(facts)).toMatchObject({ violations: [], notEnded: 1 });
});

it('effects of an order that was never placed are a violation', () => {
  const ledger = [...good.ledger, entry('stranger', 'charge', 1)];
  expect(judge({ ...good, ledger }).violations).toEqual(['1 orders have effects and were not placed']);
});
