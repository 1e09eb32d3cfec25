import { expect, it } from 'vitest';
import { changedWaits, seenNow } from './note-waits.ts';

const NOW = 10_000_000;
const running = { kind: 'running' } as const;
const pause = { code: 'breaker_open', reason: 'the bank is down', forMs: undefined, since: 0 } as const;
const halt = { code: 'type_ahead', reason: 'a newer version handles it' };
const at = (waiting: object, change: object = {}) =>
  ({
    key: { consumer: 'stock', topic: 'orders', partition: 0 },
    nextOffset: 7n,
    watch: { lag: 0n, next: undefined },
    awaited: undefined,
    counts: { handled: 0 },
    waiting,
    ...change,
  }) as never;
/** By a member that has had the partition for a time, and saw it wait or not. */
const noted = (partition: never, waitCode: string | null, { hadMs = 60_000, waited = false } = {}) =>
  changedWaits(
    [{ partition, seen: { firstMs: 5_000, waited } }],
    [{ topic: 'orders', partition: 0, waitCode }],
    { now: NOW, monotonicMs: 5_000 + hadMs },
  ).map(({ wait }) => wait?.code);
const behind = (ms: number, next = 7n) =>
  at(running, { watch: { lag: 3n, next: { at: next, timestampMs: NOW - ms } } });

// Planted fault: a note that nothing takes back, or one that is written at each look.
it('what a partition waits for is noted when it begins, changes and ends, and not at each look', () => {
  expect(noted(at(running), null)).toEqual([]);
  expect(noted(at({ kind: 'paused', pause }), null)).toEqual(['breaker_open']);
  expect(noted(at({ kind: 'paused', pause }), 'breaker_open')).toEqual([]);
  expect(noted(at({ kind: 'paused', pause }), 'parked_cap')).toEqual(['breaker_open']);
  expect(noted(at(running), 'breaker_open')).toEqual([undefined]);
});

// Planted fault: each process of a crash loop took the note back at its start, so that the wait was never a minute old.
it('a wait that a process left behind stays on record while the next one may wait for the same', () => {
  expect(noted(at(running), 'systemic_fault', { hadMs: 59_999 })).toEqual([]);
  expect(noted(at(running), 'systemic_fault', { hadMs: 60_000 })).toEqual([undefined]);
  // The end of a wait of its own is known at once, and so is another wait.
  expect(noted(at(running), 'systemic_fault', { hadMs: 1_000, waited: true })).toEqual([undefined]);
  expect(noted(at({ kind: 'paused', pause }), 'systemic_fault', { hadMs: 0 })).toEqual(['breaker_open']);
});

// Planted fault: for a minute after a repair home says that a consumer waits which runs.
it('a wait that a process left behind is over with the first event that the next one handles', () => {
  const handled = at(running, { counts: { handled: 1 } });
  expect(noted(handled, 'systemic_fault', { hadMs: 500 })).toEqual([undefined]);
});

it('a member remembers that a partition waited since it has it', () => {
  const first = seenNow(at(running), undefined, 5_000);
  expect(first).toEqual({ firstMs: 5_000, waited: false });
  const second = seenNow(at({ kind: 'paused', pause }), first, 6_000);
  expect(seenNow(at(running), second, 7_000)).toEqual({ firstMs: 5_000, waited: true });
});

it('a halt that is in no row is noted, and another one has its own columns', () => {
  const halted = { kind: 'halted', halt, interrupted: undefined };
  expect(noted(at(halted, { awaited: 'order.v2' }), null)).toEqual(['type_ahead']);
  expect(noted(at({ ...halted, halt: { code: 'gap', reason: 'r' } }), 'breaker_open')).toEqual([undefined]);
});

it('a partition that runs is noted as behind by the age of its oldest record, and not by one that it has handled', () => {
  expect(noted(behind(599_999), null)).toEqual([]);
  expect(noted(behind(600_000), null)).toEqual(['consumer_behind']);
  expect(noted(behind(600_000, 6n), null)).toEqual([]);
});

// Seen to fail with a search of all rows for each partition: of 5,000 partitions it took a tenth of a core of an idle consumer.
it('a look at thousands of partitions reads the place of each row once', () => {
  let reads = 0;
  const numbers = Array.from({ length: 2_000 }, (_, partition) => partition);
  const rows = numbers.map((partition) => ({
    get topic() {
      reads += 1;
      return 'orders';
    },
    partition,
    waitCode: null,
  }));
  const owned = numbers.map((partition) => ({
    partition: at({ kind: 'paused', pause }, { key: { consumer: 'stock', topic: 'orders', partition } }),
    seen: { firstMs: 0, waited: true },
  }));
  expect(changedWaits(owned, rows, { now: NOW, monotonicMs: 5_000 })).toHaveLength(2_000);
  expect(reads).toBe(2_000);
});
