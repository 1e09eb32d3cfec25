import { expect, it } from 'vitest';
import { admitted } from './claiming.ts';

const wanted = { call: 'bank.take', places: 8, leaseMs: 1, callMs: 1, settleMs: 0 };
const limited = (rooms: Readonly<Record<string, number>>, canQuery = true) => {
  const breakers = new Map(Object.entries(rooms).map(([name, room]) => [name, { room }]));
  const { places, calls, queries } = admitted(wanted, canQuery, breakers);
  return { places, calls, queries };
};

it('a claim takes no more calls than the breakers of the call and of its query admit', () => {
  expect(limited({})).toEqual({ places: 8, calls: true, queries: true });
  expect(limited({ 'bank.take': 0 })).toEqual({ places: 8, calls: false, queries: true });
  expect(limited({ 'bank.take': 3 })).toEqual({ places: 3, calls: true, queries: true });
  expect(limited({ 'bank.take': 0, 'bank.take.query': 2 })).toEqual({
    places: 2,
    calls: false,
    queries: true,
  });
  expect(limited({ 'bank.take.query': 0 })).toEqual({ places: 8, calls: true, queries: false });
});

it('a call without a query is repeated to find its outcome, so that its own breaker holds it', () => {
  expect(limited({ 'bank.take': 0 }, false)).toEqual({ places: 8, calls: false, queries: false });
});
