import { poll, Wake } from '@convergekit/core/engine';
import { type ManualClock, manualClock } from '@convergekit/testing';
import { describe, expect, test } from 'vitest';
import { silent } from '../fixture/silent-log.ts';
import { PollPacer } from './poll-pacer.ts';
import type { PollOutcome } from './poll-pace.ts';

const settings = { maxMs: 20, idleMs: 1_000 };

/** Runs a pacer as the read loop does, on a manual clock, and records when polls began. */
function pacing() {
  const clock = manualClock();
  const wake = new Wake();
  const stop = new AbortController();
  const pacer = new PollPacer({ clock, log: silent, poll: settings }, wake);
  const begins: number[] = [];
  const looks: boolean[] = [];
  let waiting = 0;
  let during: (() => void) | undefined;
  const answer = (isLook: boolean): Promise<PollOutcome> => {
    begins.push(clock.monotonic());
    looks.push(isLook);
    const found = waiting;
    waiting = 0;
    during?.();
    during = undefined;
    pacer.saw(found);
    return Promise.resolve(found > 0 ? 'window' : 'empty');
  };
  const run = async (): Promise<{ afterMs: number }> => {
    await pacer.poll(answer, stop.signal);
    return { afterMs: pacer.pauseMs };
  };
  const onError = (error: unknown): never => {
    throw error;
  };
  const everyMs = 1_000_000;
  const ended = poll({ everyMs, signal: stop.signal, wake, clock, random: () => 0, run, onError });
  return {
    clock,
    pacer,
    begins,
    looks,
    write: (events = 1): void => void (waiting += events),
    duringNext: (fn: () => void): void => void (during = fn),
    /** Hears one event, and has had nothing to do since. */
    heardOne: async (): Promise<void> => {
      pacer.listens(true);
      await clock.advance(100);
      waiting += 1;
      pacer.hear('1');
      await clock.advance(30_000);
    },
    end: async (): Promise<void> => {
      stop.abort();
      await clock.advance(0);
      await ended;
    },
  };
}

/** Counts the polls that begin within `ms`. */
async function pollsIn(
  { clock, begins }: { clock: ManualClock; begins: number[] },
  ms: number,
): Promise<number> {
  const before = begins.length;
  await clock.advance(ms);
  return begins.length - before;
}

describe('the pace of a leader', () => {
  test('G2d: a leader that hears its writers polls about once a second when idle, and at once when it hears one', async () => {
    const paced = pacing();
    const { clock, pacer, begins, write, end } = paced;
    pacer.listens(true);
    await clock.advance(100);
    write();
    pacer.hear('1');
    await clock.advance(5_000);
    expect(await pollsIn(paced, 60_000)).toBe(60);
    await clock.advance(500);
    write();
    pacer.hear('1');
    await clock.advance(0);
    expect(begins.at(-1)).toBe(clock.monotonic());
    await end();
  });

  test('G2d: a leader of writers that it does not hear keeps polling every 20 ms, with looks', async () => {
    const paced = pacing();
    const { clock, pacer, looks, write, end } = paced;
    pacer.listens(true);
    await clock.advance(1_000);
    write();
    await clock.advance(10_000);
    expect(await pollsIn(paced, 60_000)).toBe(3_000);
    expect(looks.at(-1)).toBe(true);
    await end();
  });

  test('a leader that cannot listen polls every 250 ms once no event came for a while', async () => {
    const paced = pacing();
    await paced.clock.advance(5_000);
    expect(await pollsIn(paced, 60_000)).toBe(240);
    await paced.end();
  });

  // Planted fault: a quick poll after each window makes 40 polls of these 20.
  test('a leader polls once for each event that is announced, however close they come', async () => {
    const { clock, pacer, begins, write, heardOne, end } = pacing();
    await heardOne();
    const before = begins.length;
    for (let at = 0; at < 20; at += 1) {
      write();
      pacer.hear('1');
      await clock.advance(7);
    }
    expect(begins.length - before).toBe(20);
    await end();
  });

  // Planted fault: with the notification counted for the poll that it came in, that poll drops it as found before.
  test('a notification that comes during an empty poll causes another poll, and covers what that one finds', async () => {
    const { clock, pacer, begins, duringNext, write, heardOne, end } = pacing();
    await heardOne();
    const before = begins.length;
    duringNext(() => {
      write();
      pacer.hear('1');
    });
    await clock.advance(1_001);
    expect(begins.slice(before, before + 2).map((at) => at - (begins[before] ?? 0))).toEqual([0, 1]);
    await clock.advance(30_000);
    expect(pacer.pauseMs).toBe(1_000);
    await end();
  });

  // Planted fault: what was heard before the poll in work is forgotten when it begins.
  test('a notification that comes during the poll that counts a late one causes another poll', async () => {
    const { clock, pacer, begins, duringNext, write, heardOne, end } = pacing();
    await heardOne();
    write();
    await clock.advance(1_001);
    let polls = 0;
    duringNext(() => {
      polls = begins.length;
      write();
      pacer.hear('1');
    });
    pacer.hear('1');
    await clock.advance(100);
    const [counting = 0, next] = begins.slice(polls - 1);
    expect(next).toBe(counting + 1);
    await end();
  });

  test('notifications do not make a leader poll twice within a millisecond', async () => {
    const { clock, pacer, begins, write, end } = pacing();
    pacer.listens(true);
    const before = begins.length;
    for (let at = 0; at < 200; at += 1) {
      write();
      pacer.hear('1');
      await clock.advance(0.1);
    }
    const gaps = begins.slice(before + 1).map((at, index) => at - (begins[before + index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0.5);
    await end();
  });
});
