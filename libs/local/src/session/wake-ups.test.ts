import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { LogWakeUps } from './wake-ups.ts';

/** Wake-ups of a session that the test loses. */
function listening() {
  const clock = manualClock();
  const sessions: AbortController[] = [];
  const session = {
    listen: () => {
      const ended = new AbortController();
      sessions.push(ended);
      return Promise.resolve(ended.signal);
    },
    query: () => Promise.resolve({ rows: [], rowCount: 0 }),
    close: () => undefined,
  };
  return { clock, sessions, wakeUps: new LogWakeUps(session, clock) };
}

// Planted fault: without waking all waiters behind `listen`, a reader that waits for an append whose notification was lost
// waits until its fetch is due.
it('a waiter is woken when a lost session listens again, since notifications may be lost in between', async () => {
  const { clock, sessions, wakeUps } = listening();
  const never = new AbortController().signal;
  await wakeUps.next(['t'], never);
  let woken = false;
  const waiting = wakeUps.next(['t'], never).then(() => (woken = true));
  sessions[0]?.abort('lost');
  await clock.advance(499);
  expect([woken, wakeUps.isLive, sessions.length]).toEqual([false, false, 1]);
  await clock.advance(1);
  expect([woken, wakeUps.isLive, sessions.length]).toEqual([true, true, 2]);
  await waiting;
  await wakeUps.close();
});
