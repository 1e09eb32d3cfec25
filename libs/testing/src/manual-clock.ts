import type { Clock } from '@convergekit/core';

export interface ManualClock extends Clock {
  /**
   * Advances time by `ms` and wakes sleepers in due order (ties: in the order of their sleeps). Promises settle after
   * each wake, so that a woken loop that sleeps again within the span is woken again.
   */
  advance(ms: number): Promise<void>;
  /** The number of sleepers. */
  readonly sleepers: number;
  /** Milliseconds until the next sleeper is due; undefined without sleepers. */
  readonly untilNextMs: number | undefined;
}

interface Sleeper {
  readonly due: number;
  wake(): void;
}

/**
 * Creates a clock that a test moves by hand. `startMs` is its first wall clock time; monotonic time starts at 0.
 * @example
 * ```ts
 * import { manualClock } from '@convergekit/testing';
 *
 * const clock = manualClock(Date.parse('2030-01-01T00:00:00Z'));
 * await clock.advance(60_000);
 * ```
 */
export function manualClock(startMs = Date.UTC(2026, 0, 1)): ManualClock {
  let elapsed = 0;
  const asleep = new Set<Sleeper>();
  const next = (): Sleeper | undefined => [...asleep].sort((a, b) => a.due - b.due)[0];
  return {
    now: () => startMs + elapsed,
    monotonic: () => elapsed,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const sleeper: Sleeper = { due: elapsed + Math.max(ms, 0), wake };
      function wake(): void {
        asleep.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve(undefined);
      }
      asleep.add(sleeper);
      signal?.addEventListener('abort', wake);
      return promise.then(() => undefined);
    },
    async advance(ms) {
      const end = elapsed + ms;
      await settled(); // a caller that is about to sleep registers first
      for (let sleeper = next(); sleeper !== undefined && sleeper.due <= end; sleeper = next()) {
        elapsed = sleeper.due;
        sleeper.wake();
        await settled();
      }
      elapsed = end;
    },
    get sleepers() {
      return asleep.size;
    },
    get untilNextMs() {
      const sleeper = next();
      return sleeper === undefined ? undefined : sleeper.due - elapsed;
    },
  };
}

/** A turn of the event loop runs every pending promise reaction, also reactions that reactions add. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
