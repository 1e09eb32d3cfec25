import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { LogLink } from './link.ts';
import type { HeartbeatAnswer, LogStore } from './store.ts';

/** A member of a group whose heartbeats that reach the log are counted. */
function member() {
  const clock = manualClock();
  const waiting: (() => void)[] = [];
  const wakeUps = {
    isLive: true,
    next: () => new Promise<void>((resolve) => void waiting.push(resolve)),
  };
  const log = { asked: 0, answer: 'member' as HeartbeatAnswer };
  const store: Partial<LogStore> = {
    heartbeat: () => {
      log.asked += 1;
      return Promise.resolve(log.answer);
    },
  };
  const link = new LogLink({
    store: store as LogStore,
    wakeUps,
    groupId: 'g',
    topics: [],
    sessionTimeoutMs: 10_000,
    clock,
  });
  const beat = (generation = 1) => link.heartbeat({ memberId: 'm', generation, assigned: [] });
  /** Heartbeats as often as a member sends them. */
  const beats = async (times: number): Promise<void> => {
    for (let at = 0; at < times; at += 1) {
      await beat();
      await clock.advance(1_000);
    }
  };
  const change = async (): Promise<void> => {
    waiting.splice(0).forEach((wake) => wake());
    await Promise.resolve();
  };
  return { log, wakeUps, beat, beats, change };
}

// Seen to fail with each heartbeat sent: an idle consumer wrote its row once a second.
it('a member that hears of changes of its group sends every third heartbeat, and the next one after a change', async () => {
  const { log, beat, beats, change } = member();
  await beats(6);
  expect(log.asked).toBe(2);
  await beat();
  await change();
  log.answer = 'rebalance';
  expect([await beat(), await beat(), log.asked]).toEqual(['rebalance', 'rebalance', 5]);
  log.answer = 'member';
  expect([await beat(2), await beat(2), log.asked]).toEqual(['member', 'member', 6]);
});

it('a member that hears nothing of its group sends each heartbeat', async () => {
  const { log, wakeUps, beats } = member();
  wakeUps.isLive = false;
  await beats(6);
  expect(log.asked).toBe(6);
});
