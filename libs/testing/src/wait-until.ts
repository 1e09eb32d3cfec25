import { systemClock } from '@convergekit/core';

export interface WaitOptions {
  /** What is awaited, for the error. */
  readonly what: string;
  /** @default 60_000 */
  readonly deadlineMs?: number;
  /** @default 20 */
  readonly everyMs?: number;
}

/** Polls until `condition` gives a truthy value and returns it; rejects, naming `what` and the last value, at the deadline. */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs = 60_000, everyMs = 20 }: WaitOptions,
): Promise<NonNullable<T>> {
  const end = systemClock.monotonic() + deadlineMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (systemClock.monotonic() > end)
      throw new Error(`waited ${deadlineMs} ms for ${what}; last value: ${String(value)}`);
    await systemClock.sleep(everyMs);
  }
}
