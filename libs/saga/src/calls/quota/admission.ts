import { type Clock, ConvergeError, systemClock } from '@convergekit/core';
import type { Database, Executor } from '@convergekit/postgres';
import { classify } from '@convergekit/resilience';
import { lateMs, type Quota } from './quota.ts';
import { MOST_AHEAD_MS, takeCall } from './quota-sql.ts';

/** The code of a call that was not made, since its quota has none left for longer than the call may wait. */
export const QUOTA_USED_UP = 'QUOTA_USED_UP';

interface AdmissionOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /**
   * The time by this process's monotonic clock until which the first attempt has a call of the quota. @default none was taken
   */
  readonly takenUntil?: number;
}

/** Returns the admission of a run's attempts: each waits for a call, half of the run at most. Rejects with QUOTA_USED_UP. */
export function admission(
  executor: Executor,
  quota: Quota,
  { clock, signal, takenUntil = Number.NEGATIVE_INFINITY }: AdmissionOptions,
): (withinMs: number) => Promise<void> {
  let isTaken = true;
  return async (withinMs) => {
    const hasCall = isTaken && clock.monotonic() < takenUntil;
    isTaken = false;
    if (hasCall) return;
    const begun = clock.monotonic();
    const endsAt = begun + withinMs / 2;
    const waitMs = await waitForCall(executor, quota, clock, signal, endsAt).catch((error: unknown) => {
      signal?.throwIfAborted();
      throw unreadable(quota, error);
    });
    if (waitMs !== undefined) throw usedUp(quota, waitMs);
    // A process that was stopped meanwhile has no time left for the call.
    if (clock.monotonic() >= begun + withinMs) throw usedUp(quota, 0);
  };
}

/**
 * Waits for a turn of a quota, before a call that the kit does not make. Rejects with the signal's reason.
 * @example
 * ```ts
 * import { takeQuota } from 'convergekit';
 * import { database } from './shop.ts';
 *
 * const signal = AbortSignal.timeout(5_000);
 * await takeQuota(database, { name: 'rates', perSecond: 5, burst: 10 }, { signal });
 * const rates = await fetch('https://rates.example', { signal });
 * ```
 */
export async function takeQuota(
  { executor }: Pick<Database, 'executor'>,
  quota: Quota,
  { signal, clock = systemClock }: { readonly signal?: AbortSignal; readonly clock?: Clock } = {},
): Promise<void> {
  for (;;) {
    signal?.throwIfAborted();
    const endsAt = clock.monotonic() + MOST_AHEAD_MS;
    const waitMs = await waitForCall(executor, quota, clock, signal, endsAt);
    if (waitMs === undefined) return;
    await clock.sleep(Math.min(waitMs, MOST_AHEAD_MS), signal);
  }
}

/** Takes a call and waits for its time. Resolves with the wait when it is longer than allowed, and nothing was taken. */
async function waitForCall(
  executor: Executor,
  quota: Quota,
  clock: Clock,
  signal: AbortSignal | undefined,
  endsAt: number,
): Promise<number | undefined> {
  for (;;) {
    const asked = clock.monotonic();
    const { isTaken, waitMs } = await takeCall(executor, quota, endsAt - asked);
    if (!isTaken) return waitMs;
    // From the answer on: the database has read its clock before.
    if (waitMs > 0) await clock.sleep(Math.ceil(waitMs), signal);
    signal?.throwIfAborted();
    if (clock.monotonic() <= asked + waitMs + lateMs(quota)) return undefined;
  }
}

function usedUp({ name, perSecond }: Quota, waitMs: number): ConvergeError {
  return new ConvergeError(
    `nothing was called: the quota ${name} (${perSecond} a second) has its next call in ${Math.ceil(waitMs)} ms`,
    {
      code: 'QUOTA_USED_UP',
      category: 'throttle',
      certainty: 'not_applied',
      retryAfterMs: Math.ceil(waitMs),
    },
  );
}

function unreadable({ name }: Quota, error: unknown): ConvergeError {
  const { category, message } = classify(error);
  return new ConvergeError(`nothing was called: the quota ${name} could not be read: ${message}`, {
    code: 'QUOTA_UNREADABLE',
    category,
    certainty: 'not_applied',
    cause: error,
  });
}
