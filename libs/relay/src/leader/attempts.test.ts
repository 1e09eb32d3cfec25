import { describe, expect, test } from 'vitest';
import { Attempts } from './attempts.ts';

const most = () => 0.999;
/** Begins to lead at each of `times`, and fails a moment later. */
const flap = (attempts: Attempts, times: readonly number[], ticks: boolean): number[] =>
  times.map((at) => {
    attempts.began();
    attempts.admitted();
    if (ticks) attempts.ticked(at + 50);
    attempts.failed(new Error('could not extend file'), at + 100);
    return Math.round(attempts.pauseMs(250, most));
  });

describe('the attempts of a relay to lead', () => {
  // Planted faults: with failures forgotten by being admitted, or by a first tick, the last pause is 99 ms.
  test.each([false, true])(
    'G5j: the pause before an attempt grows with each leadership that failed at once, whether or not it wrote a tick (%s)',
    (ticks) => {
      const pauses = flap(new Attempts(), [0, 1_000, 2_000, 4_000, 8_000, 15_000, 25_000], ticks);
      expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
      expect(pauses[0]).toBeLessThan(200);
      expect(pauses.at(-1)).toBeGreaterThan(4_000);
    },
  );

  test('the pause before an attempt is short again after a leadership that lasted, and while another relay leads', () => {
    const attempts = new Attempts();
    flap(attempts, [0, 1_000, 2_000, 3_000], true);
    attempts.began();
    attempts.admitted();
    attempts.ticked(4_000);
    attempts.failed(new Error('connection lost'), 15_000);
    expect(attempts.failures).toBe(1);
    attempts.stoodBy();
    expect(attempts.pauseMs(250, most)).toBeGreaterThanOrEqual(187);
    expect(attempts.failures).toBe(0);
  });

  test('leaderships that failed within ten minutes are counted, and forgotten when one has lasted a minute', () => {
    const attempts = new Attempts();
    expect(attempts.failedTerms(0)).toBeUndefined();
    flap(attempts, [0, 1_000, 2_000], false);
    attempts.began();
    attempts.failed(new Error('refused: not admitted'), 3_000);
    expect(attempts.failedTerms(4_000)).toEqual({ count: 3, text: 'could not extend file' });
    expect(attempts.failedTerms(601_500)).toMatchObject({ count: 1 });
    attempts.began();
    attempts.admitted();
    attempts.ticked(10_000);
    expect(attempts.failedTerms(69_000)).toMatchObject({ count: 3 });
    expect(attempts.failedTerms(70_000)).toBeUndefined();
  });
});
