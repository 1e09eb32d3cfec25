import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Check } from './health.ts';

/** How late timers came over the last stretch of time, milliseconds. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly maxMs: number;
}

/** A process whose timers come later than this on average cannot keep a lease or a session alive. */
export const LATE_MS = 1_000;

/** Pure. One long pause is an accident (a large page, a stopped process); only lasting lateness is a reason to restart. */
export function judgeLoopDelay({ meanMs, maxMs }: LoopDelay, lateMs = LATE_MS): Check {
  const detail = `timers are ${Math.round(meanMs)} ms late on average, ${Math.round(maxMs)} ms at most`;
  return { ok: meanMs < lateMs, detail };
}

export interface EventLoopWatch {
  /** What was seen over the last two stretches; cheap. */
  check(): Check;
  stop(): void;
}

/**
 * Watches the event loop. Nothing here can answer while the loop is blocked for good: then the probe's own timeout
 * tells. This tells the other case, a loop that goes round and is always late.
 */
export function watchEventLoop(stretchMs = 10_000): EventLoopWatch {
  const resolution = 20;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  const read = (): LoopDelay => ({
    // The histogram holds the whole distance between two timers, of which the resolution was meant.
    meanMs: Math.max(0, (Number.isNaN(histogram.mean) ? 0 : histogram.mean / 1e6) - resolution),
    maxMs: Math.max(0, histogram.max / 1e6 - resolution),
  });
  let before: LoopDelay = { meanMs: 0, maxMs: 0 };
  const timer = setInterval(() => {
    before = read();
    histogram.reset();
  }, stretchMs);
  timer.unref();
  return {
    check: () => {
      const now = read();
      // The smaller mean of the two: a fresh stretch that holds one pause and little else must not decide.
      return judgeLoopDelay({
        meanMs: Math.min(before.meanMs, now.meanMs),
        maxMs: Math.max(before.maxMs, now.maxMs),
      });
    },
    stop: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
