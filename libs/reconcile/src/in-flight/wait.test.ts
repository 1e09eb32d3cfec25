import { describe, expect, it } from 'vitest';
import { type Flight, nextLookMs, parseWait, type Wait, waitAgain, waitText } from './wait.ts';

const flight: Flight = {
  source: '01990000-0000-7000-8000-000000000001',
  epoch: 1,
  snapshot: '7:9:8',
  tick: '4',
  upTo: [{ partition: 0, position: '1.4.2' }],
};
const wait = (over: Partial<Wait> = {}): Wait => ({ kind: 'in_flight', looks: 1, flight, ...over });

describe('the time of the next look', () => {
  const [first, last] = [() => 0, () => 0.999];

  it.each<[Wait['kind'], number, number, number]>([
    ['in_flight', 1, 250, 500],
    ['in_flight', 3, 1_000, 2_000],
    ['in_flight', 99, 15_000, 30_000],
    ['halted', 1, 2_500, 5_000],
    ['halted', 99, 30_000, 60_000],
    ['parked', 1, 2_500, 5_000],
    ['parked', 99, 150_000, 300_000],
    ['saga_open', 99, 150_000, 300_000],
  ])('a key that is %s at look %i is looked at again after %i to %i ms', (kind, looks, least, most) => {
    expect(nextLookMs(wait({ kind, looks }), 500, first)).toBe(least);
    expect(nextLookMs(wait({ kind, looks }), 500, last)).toBeLessThanOrEqual(most);
    expect(nextLookMs(wait({ kind, looks }), 500, last)).toBeGreaterThan(least);
  });

  // Seen to fail without the least delay: a quiet period of 0 would be a busy loop.
  it('a quiet period of zero is no busy loop', () =>
    expect(nextLookMs(wait(), 0, first)).toBeGreaterThanOrEqual(50));
});

it('looks are counted while the reason is the same, and begin anew with another one', () => {
  expect(waitAgain(wait({ looks: 4 }), 'in_flight', null)).toEqual({
    kind: 'in_flight',
    looks: 5,
    flight: null,
  });
  expect(waitAgain(wait({ looks: 4 }), 'parked', flight)).toEqual({ kind: 'parked', looks: 1, flight });
  expect(waitAgain(null, 'parked', null).looks).toBe(1);
});

it('a stored wait reads back, and the one of another version is discarded', () => {
  for (const one of [wait(), wait({ flight: null }), wait({ flight: { ...flight, upTo: null } })])
    expect(parseWait(waitText(one))).toEqual(one);
  expect(waitText(null)).toBeNull();
  expect(parseWait(null)).toBeNull();
  const misplaced = JSON.stringify(wait({ flight: { ...flight, upTo: [7 as never] } }));
  // Planted fault: parsed without a guard, the first one makes every claim of its batch fail.
  for (const other of [
    'no JSON',
    misplaced,
    '{}',
    '7',
    'null',
    '{"kind":"parked","looks":1,"flight":{"tick":"4"}}',
  ])
    expect(parseWait(other)).toBeNull();
});
