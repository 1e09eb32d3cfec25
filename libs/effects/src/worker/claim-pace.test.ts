import { expect, it } from 'vitest';
import { ClaimPace, pauseMs } from './claim-pace.ts';

const isNew = (id: string) => ({ id, found: 'ready', story: [] }) as const;

it('a worker looks seldom only when work was announced to it, and unannounced work is long ago', () => {
  expect(pauseMs(100, { heard: false, unannouncedMs: Infinity })).toBe(100);
  expect(pauseMs(100, { heard: true, unannouncedMs: Infinity })).toBe(1_000);
  expect(pauseMs(100, { heard: true, unannouncedMs: 600_000 })).toBe(100);
  expect(pauseMs(100, { heard: true, unannouncedMs: 600_001 })).toBe(1_000);
  expect(pauseMs(5_000, { heard: true, unannouncedMs: Infinity })).toBe(5_000);
});

it('a worker that finds announced work looks seldom, whether the announcement came before or after the look', () => {
  const pace = new ClaimPace();
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
  const pace = new ClaimPace();
  pace.announced({ id: 'a', dueMs: 0 }, 0);
  pace.look(1);
  pace.found(isNew('c'));
  pace.look(2);
  expect(pace.pauseMs(100, 2)).toBe(100);
  expect(pace.pauseMs(100, 600_003)).toBe(1_000);
});

it('a worker does not take retries and timers for work of another process, and looks when they are due', () => {
  const pace = new ClaimPace();
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
