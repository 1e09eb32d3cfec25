import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { Activity } from './activity.ts';
import { Awake, type LeaderProgress, stallOfLeader, stallOfStandby } from './progress.ts';

/**
 * Code that was removed once, and a test here failed:
 * - a statement without an answer counts from when it was asked (taken for the last answer of another one).
 */

const LIMIT = 30_000;
const NOW = 100_000;
const lively: LeaderProgress = {
  overSince: undefined,
  reads: { lastAt: NOW - 10, pendingSince: undefined },
  writes: { lastAt: NOW - 10, pendingSince: undefined },
  produce: { lastAt: NOW - 10, pendingSince: undefined },
  queued: 5,
  waitingSince: NOW - 90_000,
  maySend: true,
  unsavedSince: NOW - 5,
};
const stall = (change: Partial<LeaderProgress>): string | undefined =>
  stallOfLeader({ ...lively, ...change }, NOW, LIMIT);
const silent = { lastAt: NOW - 31_000, pendingSince: undefined };
const hung = { lastAt: NOW - 31_000, pendingSince: NOW - 31_000 };

describe('a leader', () => {
  it('a leader that makes steps is alive', () => {
    expect(stall({})).toBeUndefined();
  });

  it('a leader whose statement or produce has no answer is not alive', () => {
    expect(stall({ reads: hung })).toBe('reading: a statement has no answer for 31 s');
    expect(stall({ produce: hung })).toBe('sending: a produce has no answer for 31 s');
    expect(stall({ writes: hung })).toBe('saving positions: a statement has no answer for 31 s');
  });

  it('a leader whose loops wait for a promise that never settles is not alive: work waits, and nothing is asked', () => {
    expect(stall({ reads: silent })).toBe('reading: no statement was made for 31 s');
    expect(stall({ produce: silent })).toBe('sending: 5 events wait for 31 s');
    expect(stall({ unsavedSince: NOW - 31_000 })).toBe('positions wait for 31 s');
  });

  it('a leader with nothing to send or to save is alive, and so is one that may not send', () => {
    expect(stall({ queued: 0, waitingSince: undefined, produce: silent })).toBeUndefined();
    expect(stall({ unsavedSince: undefined, writes: silent })).toBeUndefined();
    expect(stall({ maySend: false, produce: silent })).toBeUndefined();
  });

  it('a leader that was idle for minutes is alive when its next event is queued and when its position waits', () => {
    const idle = { lastAt: NOW - 279_000, pendingSince: undefined };
    expect(
      stall({ produce: idle, writes: idle, waitingSince: NOW - 1, unsavedSince: undefined }),
    ).toBeUndefined();
    expect(stall({ writes: idle, unsavedSince: NOW - 700 })).toBeUndefined();
  });

  it('a relay whose leadership is over and whose loops do not end is not alive', () => {
    expect(stall({ overSince: NOW - 31_000 })).toMatch(/its loops have not ended for 31 s/);
    expect(stall({ overSince: NOW - 2_000 })).toBeUndefined();
  });
});

it('a standby is alive while it checks the lease', () => {
  expect(stallOfStandby(NOW - 300, NOW, LIMIT)).toBeUndefined();
  expect(stallOfStandby(NOW - 31_000, NOW, LIMIT)).toMatch(/looked at the lease/);
});

it('activity knows since when the longest pending answer is due, and when a statement was last asked or answered', async () => {
  const clock = manualClock();
  const activity = new Activity(clock);
  activity.begin();
  const answers: (() => void)[] = [];
  const executor = activity.executor('reads', {
    query: () => new Promise((resolve) => answers.push(() => resolve({ rows: [], rowCount: 0 }))),
  });
  const first = executor.query('select 1');
  await clock.advance(1_000);
  const second = executor.query('select 2');
  await clock.advance(500);
  expect(activity.pulse('reads')).toEqual({ lastAt: 1_000, pendingSince: 0 });
  answers[0]?.();
  await first;
  expect(activity.pulse('reads')).toEqual({ lastAt: 1_500, pendingSince: 1_000 });
  answers[1]?.();
  await second;
  expect(activity.pulse('reads')).toEqual({ lastAt: 1_500, pendingSince: undefined });
  expect(activity.pulse('writes')).toEqual({ lastAt: 0, pendingSince: undefined });
});

it('a relay whose process was frozen is judged by the time since it woke', () => {
  const awake = new Awake(NOW - 60_000);
  for (const now of [NOW - 59_500, NOW]) awake.look(now);
  expect(stallOfStandby(awake.within(NOW - 60_000), NOW, LIMIT)).toBeUndefined();
  for (let now = NOW; now <= NOW + 31_000; now += 500) awake.look(now);
  expect(stallOfStandby(awake.within(NOW - 60_000), NOW + 31_000, LIMIT)).toBe(
    'it has not looked at the lease for 31 s',
  );
});
