import { describe, expect, it } from 'vitest';
import { manualClock } from './manual-clock.ts';

describe('a manual clock', () => {
  it('S63: a manual clock wakes sleepers in the order in which they are due, each at its own time', async () => {
    const clock = manualClock(0);
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ms: number): Promise<void> => {
      await clock.sleep(ms);
      woken.push([name, clock.now()]);
    };
    const all = [sleeper('c', 300), sleeper('a', 100), sleeper('b', 200), sleeper('a2', 100)];
    await clock.advance(250);
    expect(woken).toEqual([
      ['a', 100],
      ['a2', 100],
      ['b', 200],
    ]);
    expect(clock.untilNextMs).toBe(50);
    await clock.advance(50);
    await Promise.all(all);
    expect(woken.at(-1)).toEqual(['c', 300]);
  });

  it('a manual clock wakes a loop as often as it sleeps within the advanced span', async () => {
    const clock = manualClock();
    let rounds = 0;
    const stop = new AbortController();
    const loop = (async () => {
      while (!stop.signal.aborted) {
        await clock.sleep(10, stop.signal);
        rounds += 1;
      }
    })();
    await clock.advance(100);
    expect(rounds).toBe(10);
    stop.abort();
    await loop;
  });

  it('a manual clock ends a sleep at once when its signal aborts, and keeps no sleeper', async () => {
    const clock = manualClock();
    const stop = new AbortController();
    const asleep = clock.sleep(1_000, stop.signal);
    expect(clock.sleepers).toBe(1);
    stop.abort();
    await asleep;
    expect(clock.sleepers).toBe(0);
    await clock.sleep(1_000, stop.signal);
  });

  it('a manual clock moves wall clock and monotonic time together', async () => {
    const clock = manualClock(1_000);
    await clock.advance(500);
    expect([clock.now(), clock.monotonic()]).toEqual([1_500, 500]);
  });
});
