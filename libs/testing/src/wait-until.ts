import { systemClock } from '@convergekit/core';

export interface WaitOptions {
  /** The name of the awaited condition, for the error. */
  readonly what: string;
  /** A limit on what hangs, not on speed. @default 180_000 */
  readonly deadlineMs?: number;
  /** The pause between two looks, in milliseconds. @default 20 */
  readonly everyMs?: number;
}

/**
 * Polls until `condition` returns a truthy value, and returns the value. Rejects at the deadline, naming `what` and the
 * last value.
 * @example
 * ```ts
 * import { waitUntil } from '@convergekit/testing';
 * import { database } from './shop.ts';
 *
 * const { db } = database;
 * const order = await waitUntil(() => db.selectFrom('orders').selectAll().executeTakeFirst(), {
 *   what: 'the order to be placed',
 * });
 * ```
 */
export async function waitUntil<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs = 180_000, everyMs = 20 }: WaitOptions,
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
