import { expect, it } from 'vitest';
import { type JournalTime, timeAfter } from './journal-time.ts';

const HOUR = 3_600_000;
const before: JournalTime = { ms: 500, databaseMs: 1_000, workerMs: 2_000 };

it.each([
  ['both clocks go on', { databaseMs: 1_010, workerMs: 2_010 }, 510],
  ['the clock of the database jumps ahead', { databaseMs: 1_010 + HOUR, workerMs: 2_010 }, 510],
  [
    'the clock of the worker jumps ahead, or is another’s',
    { databaseMs: 1_010, workerMs: 2_010 + HOUR },
    510,
  ],
  ['the clock of the database is set back', { databaseMs: 1_010 - HOUR, workerMs: 2_010 }, 500],
  ['the clock of the worker is set back', { databaseMs: 1_010, workerMs: 2_010 - HOUR }, 500],
  ['the entry does not say the worker’s', { databaseMs: 1_010, workerMs: undefined }, 510],
])('the time of a journal passes no faster than the slower clock, and never back: %s', (_, clocks, ms) => {
  expect(timeAfter(before, clocks).ms).toBe(ms);
});

it('the time of a journal begins with that of the database', () => {
  expect(timeAfter(undefined, { databaseMs: 7, workerMs: 9 }).ms).toBe(7);
});
