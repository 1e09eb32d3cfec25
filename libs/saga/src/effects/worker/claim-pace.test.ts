import { expect, it } from 'vitest';
import { ClaimPace, pauseMs } from './claim-pace.ts';

const isNew = (id: string) => ({ id, found: 'ready', story: [] }) as const;

it('a worker looks seldom when its work is announced, or it has had none since it began', () => {
  const none = { heard: false, runningMs: 0, unannouncedMs: Infinity };
  expect(pauseMs(100, { ...none, runningMs: 59_999 })).toBe(100);
  expect(pauseMs(100, { ...none, runningMs: 60_000 })).toBe(1_000);
  expect(pauseMs(100, { ...none, heard: true })).toBe(1_000);
  expect(pauseMs(5_000, { ...none, heard: true })).toBe(5_000);
});

it('a worker that found unannounced work looks often for ten minutes', () => {
  const found = { heard: true, runningMs: Infinity };
  expect(pauseMs(100, { ...found, unannouncedMs: 600_000 })).toBe(100);
  expect(pauseMs(100, { ...found, unannouncedMs: 600_001 })).toBe(1_000);
  expect(pauseMs(100, { heard: false, runningMs: 120_000, unannouncedMs: 60_000 })).toBe(100);
});

it('a worker that finds announced work looks seldom, whether the announcement came before or after the look', () => {
  const pace = new ClaimPace(0);
  pace.announced({ id: 'a', dueMs: 0 }, 0);
  pace.look(1);
  pace.found(isNew('a'));
  pace.found(isNew('b'));
  pace.announced({ id: 'b', dueMs: 0 }, 2);
  pace.look(3);
  expect(pace.pauseMs(100, 3)).toBe(1_000);
});

// Planted fault: a pace that takes every find for announced leaves the work of another process for a second.
it('a worker that finds work of another process looks as often as before', () => {
  const pace = new ClaimPace(0);
  pace.announced({ id: 'a', dueMs: 0 }, 0);
  pace.look(1);
  pace.found(isNew('c'));
  pace.look(2);
  expect(pace.pauseMs(100, 2)).toBe(100);
  expect(pace.pauseMs(100, 600_003)).toBe(1_000);
});

it('a worker does not take retries and timers for work of another process, and looks when they are due', () => {
  const pace = new ClaimPace(0);
  pace.announced({ id: 'a', dueMs: 300 }, 0);
  pace.look(1);
  pace.found({ id: 'b', found: 'unknown', story: [] });
  pace.found({ id: 'c', found: 'ready', story: [{ at: '', op: 'call', durationMs: 1 }] });
  pace.putOff(200, 1);
  pace.look(2);
  expect(pace.pauseMs(1_000, 2)).toBe(198);
  pace.look(250);
  expect(pace.pauseMs(1_000, 250)).toBe(50);
  pace.look(301);
  expect(pace.pauseMs(1_000, 301)).toBe(1_000);
});
