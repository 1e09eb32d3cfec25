import { defaultSlowSchedule } from '@convergekit/resilience/engine';
import { expect, it } from 'vitest';
import type { WorkAttempt } from '../work/work.ts';
import { INTENT_UNREADABLE, waitForReader } from './unreadable.ts';

const rules = { schedule: defaultSlowSchedule, withinMs: 900_000, random: () => 1 };
const at = (seconds: number): number => Date.UTC(2026, 0, 1) + seconds * 1_000;
const unreadable = (seconds: number, waitMs = 0): WorkAttempt => ({
  at: new Date(at(seconds)).toISOString(),
  op: 'call',
  durationMs: 0,
  failure: { category: 'service', certainty: 'not_applied', code: INTENT_UNREADABLE, message: '' },
  wait: { computedMs: waitMs, capMs: waitMs, rule: 'slow_schedule' },
});
const other: WorkAttempt = { at: new Date(at(0)).toISOString(), op: 'call', durationMs: 1 };

it('an intent that a process cannot read is left to other processes for growing waits of at most 30 s', () => {
  const waits = [0, 1, 3, 7, 15, 31, 61].map((_, tries, all) => {
    const story = all.slice(0, tries).map((seconds) => unreadable(seconds));
    return waitForReader({ story }, { ...rules, now: at(100) })?.wait?.computedMs;
  });
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
});

// Planted fault: counted from the intent's beginning, a call that was tried for an hour is stuck at the first process of another version.
// Seen to fail with times compared: a process whose clock is a quarter of an hour ahead gives up what another one read a moment ago.
it('the time limit of an unreadable intent counts the waits since the last successful reading, by no clock of a process', () => {
  const waits = (last: number) => [
    unreadable(0, 900_000),
    other,
    unreadable(1, 500_000),
    unreadable(2, last),
  ];
  expect(waitForReader({ story: waits(399_999) }, { ...rules, now: at(9_000) })).toBeDefined();
  expect(waitForReader({ story: waits(400_000) }, { ...rules, now: at(3) })).toBeUndefined();
});

it('an unreadable intent comes to its limit within the fifty attempts that are remembered, however long the limit is', () => {
  for (const withinMs of [60_000, 900_000, 86_400_000]) {
    const story: WorkAttempt[] = [];
    let attempt: WorkAttempt | undefined;
    while ((attempt = waitForReader({ story }, { ...rules, random: () => 0.5, withinMs, now: at(0) })))
      story.push(attempt);
    expect(story.length).toBeLessThanOrEqual(50);
  }
});
