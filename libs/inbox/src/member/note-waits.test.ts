import { expect, it } from 'vitest';
import { changedWaits } from './note-waits.ts';

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
    waiting,
    ...change,
  }) as never;
const noted = (partition: never, waitCode: string | null) =>
  changedWaits([partition], [{ topic: 'orders', partition: 0, waitCode }], NOW).map(({ wait }) => wait?.code);
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
