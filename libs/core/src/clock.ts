import { setTimeout as delay } from 'node:timers/promises';

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

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: async (ms, signal) => {
    if (signal?.aborted) return;
    await delay(ms, undefined, signal ? { signal } : {}).catch(() => undefined);
  },
};
