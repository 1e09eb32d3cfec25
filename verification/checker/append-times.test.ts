import { describe, expect, it } from 'vitest';
import { AppendTimes } from './append-times.ts';

describe('append times', () => {
  it('append times show the longest silence and when it began, also at either end', () => {
    const times = new AppendTimes(10_000, 20_000);
    for (let at = 11_000; at < 19_000; at += 50) if (at < 13_000 || at >= 16_500) times.add(at);
    expect(times.longestSilence()).toEqual({ ms: 3_500, atMs: 13_000 });
    times.add(14_000);
    expect(times.longestSilence()).toEqual({ ms: 2_400, atMs: 14_100 });
    expect(new AppendTimes(0, 5_000).longestSilence()).toEqual({ ms: 5_000, atMs: 0 });
  });

  it('append times leave out times outside of the measured span', () => {
    const times = new AppendTimes(10_000, 11_000);
    times.add(9_999);
    times.add(11_000);
    expect(times.longestSilence().ms).toBe(1_000);
  });
});
