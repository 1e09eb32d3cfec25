import { systemClock } from '@convergekit/core';
import { expect, it } from 'vitest';
import { DatabaseTime } from './database-time.ts';

// Planted fault: the wall clock of the process. One that was set an hour ahead notes each record that waits as an hour old.
it('the time of the database goes on by the monotonic clock, whatever is done to the clock of the process', () => {
  let [wallMs, monotonicMs] = [5_000_000, 100];
  const time = new DatabaseTime({ ...systemClock, now: () => wallMs, monotonic: () => monotonicMs });
  expect(time.now()).toBe(5_000_000);
  time.read(5_000_200);
  wallMs += 3_600_000;
  monotonicMs += 1_000;
  expect(time.now()).toBe(5_001_200);
  // The database's own clock was set back: the next reading says so.
  time.read(1_000_000);
  expect(time.now()).toBe(1_000_000);
});
