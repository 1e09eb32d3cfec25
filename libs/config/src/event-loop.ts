import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Check } from './health.ts';

/** Lateness of timers over the last interval, in milliseconds. */
export interface LoopDelay {
  readonly meanMs: number;
  readonly maxMs: number;
}

/** The mean lateness of timers, in milliseconds, above which a process cannot keep a lease or session. */
export const LATE_MS = 1_000;

/** Judges the delay of the event loop. Pure. One long pause (a large page, a stopped process) passes; only lasting lateness fails. */
export function judgeLoopDelay({ meanMs, maxMs }: LoopDelay): Check {
  const detail = `timers are ${Math.round(meanMs)} ms late on average, ${Math.round(maxMs)} ms at most`;
  return { ok: meanMs < LATE_MS, detail };
}

export interface EventLoopWatch {
  /** Reports on the last two intervals; cheap. */
  check(): Check;
  /** Ends the watch. Idempotent. */
  stop(): void;
}

/** The distance of the timers that are watched. Each wakes the process: 20 ms were most of what an idle service cost. */
const RESOLUTION_MS = 500;
/** One of the intervals over which lateness is averaged. */
const STRETCH_MS = 10_000;

/**
 * Watches the event loop for lasting lateness of its timers.
 * A loop that is blocked for good cannot answer: the probe's own timeout covers that case.
 * @example
 * ```ts
 * import { healthServer, watchEventLoop } from 'convergekit/process';
 *
 * const loop = watchEventLoop();
 * const live = () => ({ eventLoop: loop.check() }); // /livez answers 503 while the loop is late for long
 * export const health = healthServer({ port: 9090, checks: () => ({}), live });
 * ```
 */
export function watchEventLoop(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  const read = (): LoopDelay => ({
    // The histogram measures the whole distance between two timers; subtract the intended resolution.
    meanMs: Math.max(0, (Number.isNaN(histogram.mean) ? 0 : histogram.mean / 1e6) - RESOLUTION_MS),
    maxMs: Math.max(0, histogram.max / 1e6 - RESOLUTION_MS),
  });
  let before: LoopDelay = { meanMs: 0, maxMs: 0 };
  const timer = setInterval(() => {
    before = read();
    histogram.reset();
  }, STRETCH_MS);
  timer.unref();
  return {
    check: () => {
      const now = read();
      // The smaller mean decides: a short interval with a single pause must not.
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
