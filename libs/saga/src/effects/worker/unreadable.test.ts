import { defaultSlowSchedule } from '@convergekit/resilience/engine';
import { expect, it } from 'vitest';
import type { WorkAttempt } from '../work/work.ts';
import { INTENT_UNREADABLE, waitForReader } from './unreadable.ts';

const rules = { schedule: defaultSlowSchedule, withinMs: 900_000, random: () => 1 };
const at = (seconds: number): number => Date.UTC(2026, 0, 1) + seconds * 1_000;
const unreadable = (seconds: number): WorkAttempt => ({
  at: new Date(at(seconds)).toISOString(),
  op: 'call',
  durationMs: 0,
  failure: { category: 'service', certainty: 'not_applied', code: INTENT_UNREADABLE, message: '' },
});
const other: WorkAttempt = { at: new Date(at(0)).toISOString(), op: 'call', durationMs: 1 };

it('an intent that a process cannot read is left to other processes for growing waits of at most 30 s', () => {
  const waits = [0, 1, 3, 7, 15, 31, 61].map((_, tries, all) => {
    const story = all.slice(0, tries).map(unreadable);
    return waitForReader({ story }, { ...rules, now: at(100) })?.wait?.computedMs;
  });
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

// Planted fault: counted from the intent's beginning, a call that was tried for an hour is stuck at the first process of another version.
it('the time limit of an unreadable intent runs from the first failed reading after the last successful one', () => {
  const long = [unreadable(0), other, unreadable(3_000)];
  expect(waitForReader({ story: long }, { ...rules, now: at(3_899) })).toBeDefined();
  expect(waitForReader({ story: long }, { ...rules, now: at(3_900) })).toBeUndefined();
});
