import { readFileSync } from 'node:fs';
import { seededRandom } from '@convergekit/core';
import { describe, expect, it } from 'vitest';
import { defaultSlowSchedule as schedule, nextSlowAttempt, slowDelayMs } from './slow-schedule.ts';

/** Draws the upper end of every delay. */
const most = (): number => 1;

describe('the slow schedule', () => {
  it('the slow schedule is fast first, then slow, with up to an hour between attempts', () => {
    const ends = Array.from({ length: 14 }, (_, index) => slowDelayMs(schedule, index + 1, most) / 1_000);
    expect(ends).toEqual([1, 2, 4, 8, 16, 60, 120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
  });

  it('the slow schedule of seed 42 is fixed until a day is over', () => {
    const golden = JSON.parse(
      readFileSync(new URL('../fixtures/slow-schedule-seed-42.json', import.meta.url), 'utf8'),
    ) as unknown;
    const random = seededRandom(42);
    const waits: number[] = [];
    for (let elapsedMs = 0; ;) {
      const decision = nextSlowAttempt(schedule, { attempt: waits.length + 1, elapsedMs, random });
      if (decision.kind === 'exhausted') break;
      waits.push(decision.wait.computedMs);
      elapsedMs += decision.wait.computedMs;
    }
    expect(waits).toEqual(golden);
    expect(waits.reduce((sum, wait) => sum + wait)).toBeLessThanOrEqual(schedule.withinMs);
  });

  // Planted fault: jitter drawn before the cap puts all keys into one bucket here.
  it.each([1, 5, 6, 20])(
    'the slow schedule spreads 5,000 keys that failed together, attempt %i',
    (attempt) => {
      const random = seededRandom(7);
      const end = slowDelayMs(schedule, attempt, most);
      const buckets = new Array<number>(100).fill(0);
      for (let key = 0; key < 5_000; key += 1) {
        const wait = slowDelayMs(schedule, attempt, random);
        expect(wait).toBeGreaterThanOrEqual(Math.floor(end / 2));
        const bucket = Math.min(99, Math.floor((wait / end) * 100));
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      expect(Math.max(...buckets)).toBeLessThanOrEqual(150);
    },
  );

  it('a requested delay is granted within 5 s of the schedule’s own', () => {
    const wait = (retryAfterMs: number) =>
      nextSlowAttempt(schedule, { attempt: 1, elapsedMs: 0, retryAfterMs, random: most });
    expect(wait(10)).toEqual({
      kind: 'again',
      wait: { computedMs: 1_000, hintMs: 10, capMs: 1_000, rule: 'slow_schedule' },
    });
    expect(wait(3_000)).toMatchObject({ wait: { computedMs: 3_000, rule: 'retry_after' } });
    expect(wait(3_600_000)).toMatchObject({ wait: { computedMs: 6_000, hintMs: 3_600_000 } });
  });

  it('no attempt starts after the schedule is exhausted', () => {
    const at = (elapsedMs: number) => nextSlowAttempt(schedule, { attempt: 9, elapsedMs, random: most }).kind;
    expect(at(schedule.withinMs - 480_000)).toBe('again');
    expect(at(schedule.withinMs - 479_999)).toBe('exhausted');
  });
});
