import { expect, it } from 'vitest';
import { ClaimPace } from './claim-pace.ts';

const isNew = (id: string) => ({ id, found: 'ready', story: [], ageMs: 5 }) as const;

it('a worker that found no work of another process looks seldom, from its start on', () => {
  expect(new ClaimPace().pauseMs(100, 0)).toBe(1_000);
  expect(new ClaimPace().pauseMs(5_000, 0)).toBe(5_000);
  const begun = new ClaimPace();
  begun.look(0);
  begun.found(isNew('of the process before it'));
  begun.look(1);
  expect(begun.pauseMs(100, 1)).toBe(1_000);
});

it('a worker that finds announced work looks seldom, whether the announcement came before or after the look', () => {
  const pace = new ClaimPace();
  pace.announced({ id: 'a', dueMs: 0 }, 0);
  pace.look(1);
  pace.found(isNew('a'));
  pace.found(isNew('b'));
  expect(pace.announced({ id: 'b', dueMs: 0 }, 2)).toBe(false);
  pace.look(3);
  expect(pace.pauseMs(100, 3)).toBe(1_000);
});

// Planted fault: a pace that takes every find for announced leaves the work of another process for a second.
it('a worker that found work of another process looks often for ten minutes', () => {
  const pace = new ClaimPace();
  pace.look(0);
  pace.announced({ id: 'a', dueMs: 0 }, 0);
  pace.look(1);
  pace.found(isNew('c'));
  pace.look(2);
  expect(pace.pauseMs(100, 600_002)).toBe(100);
  expect(pace.pauseMs(100, 600_003)).toBe(1_000);
});

it('a worker does not take retries and timers for work of another process, and looks when they are due', () => {
  const pace = new ClaimPace();
  pace.look(0);
  pace.announced({ id: 'a', dueMs: 300 }, 0);
  pace.look(1);
  pace.found({ ...isNew('b'), found: 'unknown' });
  pace.found({ ...isNew('c'), story: [{ at: '', op: 'call', durationMs: 1 }] });
  pace.found({ ...isNew('d'), ageMs: 10_000 });
  pace.putOff(200, 1);
  pace.look(2);
  expect(pace.pauseMs(1_000, 2)).toBe(198);
  pace.look(250);
  expect(pace.pauseMs(1_000, 250)).toBe(50);
  pace.look(301);
  // Planted fault: any of the three, taken for work of another process, makes the pause 100 ms.
  expect(pace.pauseMs(100, 301)).toBe(1_000);
});
