/** A source of time. Decisions take it as an argument, so that tests control time. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. For display and for data, never for leases or timeouts. */
  now(): number;
  /** Milliseconds that never go back. For leases, deadlines and durations. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds, or at once when `signal` aborts. It never rejects: the caller checks the signal.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/**
 * The clock of the machine. Production code passes it; a test passes `manualClock()`.
 * @example
 * ```ts
 * import { systemClock } from 'convergekit';
 *
 * const startedMs = systemClock.monotonic();
 * await systemClock.sleep(1_000);
 * const tookMs = systemClock.monotonic() - startedMs;
 * ```
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  // Not `node:timers/promises`: it makes an error, with its stack, for every sleep that is ended.
  sleep: (ms, signal) => {
    if (signal?.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve(undefined);
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end);
    return promise;
  },
};
