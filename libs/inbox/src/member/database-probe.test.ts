import { manualClock } from '@convergekit/testing';
import { expect, it } from 'vitest';
import { databaseProbe } from './database-probe.ts';

const clock = manualClock();

/** A probe of a database that answers what the test says, and the number of questions that it got. */
function probed(): { probe: () => Promise<void>; asked: () => number; answers: (error?: Error) => void } {
  const state = { asked: 0, error: new Error('away') as Error | undefined };
  const ask = async (): Promise<void> => {
    state.asked += 1;
    await Promise.resolve();
    if (state.error !== undefined) throw state.error;
  };
  return {
    probe: databaseProbe(ask, { clock, random: () => 0.999 }),
    asked: () => state.asked,
    answers: (error) => (state.error = error),
  };
}

// Planted fault: with a question for each partition, 30 are counted here.
it('thirty partitions that wait for their database ask it once at a time', async () => {
  const { probe, asked } = probed();
  const all = await Promise.allSettled(Array.from({ length: 30 }, () => probe()));
  expect(all.every(({ status }) => status === 'rejected')).toBe(true);
  expect(asked()).toBe(1);
  await expect(probe()).rejects.toThrow('away');
  expect(asked()).toBe(1);
});

// Planted fault: with a cap of 5 s, the probe rejects here without asking.
it('a database that was away for an hour is asked again within a second', async () => {
  const { probe, asked, answers } = probed();
  for (let n = 0; n < 3_600; n += 1) {
    await probe().catch(() => undefined);
    await clock.advance(1_000);
  }
  expect(asked()).toBe(3_600);
  answers(undefined);
  await probe();
  answers(new Error('away again'));
  await expect(probe()).rejects.toThrow('away again');
});
