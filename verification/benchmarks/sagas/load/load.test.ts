import { expect, it } from 'vitest';
import { Tail } from './ends.ts';
import { endsPerSecond, latenciesOf, type Load } from './loads.ts';

const row = (seq: number) => ({ seq, orderId: `order-${seq}`, outcome: 'completed' as const });
const seqs = (rows: readonly { seq: number }[]) => rows.map(({ seq }) => seq);

it('a tail returns each row once, also one that commits behind later numbers', () => {
  const tail = new Tail();
  expect(seqs(tail.take([row(1), row(3)], 0))).toEqual([1, 3]);
  expect(tail.from).toBe(2);
  expect(seqs(tail.take([row(2), row(3), row(4)], 10))).toEqual([2, 4]);
  expect(tail.from).toBe(5);
  expect(tail.take([], 20)).toEqual([]);
});

it('a tail passes a number that has not come for a second, and not before', () => {
  const tail = new Tail();
  tail.take([row(2)], 0);
  tail.take([row(2)], 999);
  expect(tail.from).toBe(1);
  expect(tail.take([row(2)], 1_000)).toEqual([]);
  expect(tail.from).toBe(3);
});

it('a tail that waits for a second number gives it the whole second', () => {
  const tail = new Tail();
  tail.take([row(2)], 0);
  tail.take([row(1), row(2), row(4)], 900);
  expect(tail.from).toBe(3);
  tail.take([row(4)], 1_500);
  expect(tail.from).toBe(3);
  tail.take([row(4)], 1_900);
  expect(tail.from).toBe(5);
});

const load: Load = {
  startedMs: 0,
  stoppedMs: 1_000,
  offered: [
    { orderId: 'warm-up', intendedMs: 100, endedMs: 150 },
    { orderId: 'first', intendedMs: 200, endedMs: 230 },
    { orderId: 'second', intendedMs: 400, endedMs: 900 },
    { orderId: 'late', intendedMs: 900, endedMs: 3_000 },
  ],
};

it('latencies run from the intended start, and leave the warm-up out', () => {
  expect(latenciesOf(load)).toEqual([30, 500, 2_100]);
});

it('the rate counts what ended after the warm-up and before the load stopped', () => {
  expect(endsPerSecond(load)).toBe(2.5);
});
