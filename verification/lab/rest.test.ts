import { manualClock } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { untilRest } from './rest.ts';
import type { Look } from './types.ts';

const signal = new AbortController().signal;
const look = (open: number, read: number): Look => ({
  waitingFor: open === 0 ? undefined : `${open} orders are open`,
  open,
  read,
});

/** Gives the looks one after the other, the last one again and again, a second apart. */
async function rest(
  looks: readonly Look[],
  noProgressMs: number,
): Promise<{ atRest: boolean; looked: number }> {
  const clock = manualClock();
  let looked = 0;
  const options = {
    clock: {
      monotonic: () => clock.monotonic(),
      sleep: async () => clock.advance(1_000),
    },
    look: () => Promise.resolve(looks[Math.min(looked++, looks.length - 1)]!),
    signal,
    noProgressMs,
  };
  const { atRest } = await untilRest(options);
  return { atRest, looked };
}

describe('untilRest', () => {
  it('untilRest waits while fewer things are open each time, however long that takes', async () => {
    const shrinking = Array.from({ length: 100 }, (_, index) => look(99 - index, 0));
    expect(await rest(shrinking, 3_000)).toEqual({ atRest: true, looked: 100 });
  });

  it('untilRest waits while records are read, although no fewer things are open', async () => {
    const reading = Array.from({ length: 50 }, (_, index) => look(5, index));
    expect(await rest([...reading, look(0, 50)], 3_000)).toEqual({ atRest: true, looked: 51 });
  });

  it('untilRest gives up when nothing has changed for the allowed time', async () => {
    expect(await rest([look(3, 7)], 3_000)).toEqual({ atRest: false, looked: 5 });
  });

  it('untilRest counts no progress when a number rises and falls again', async () => {
    const turning = Array.from({ length: 100 }, (_, index) => look(3 + (index % 2), 7));
    expect((await rest(turning, 3_000)).atRest).toBe(false);
  });
});
