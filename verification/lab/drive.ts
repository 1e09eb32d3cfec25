import { type Clock, type Random, seededRandom, systemClock } from '@convergekit/core';
import type { Load, Run } from './types.ts';

interface DriveOptions extends Pick<Run, 'clock' | 'signal'> {
  /** Which count of the load is meant. */
  readonly what: string;
  readonly load: Load;
}

/**
 * Runs requests as a load says: at a fixed rate, whether the system keeps up or not (an open loop), or so many, each after
 * an earlier one was answered. Resolves when the last has its answer.
 */
export async function drive(
  { what, load, clock, signal }: DriveOptions,
  one: (n: number) => Promise<void>,
): Promise<void> {
  if (load.kind === 'count') {
    const count = load.counts[what] ?? 0;
    const { from = 0 } = load;
    const numbers = Array.from({ length: count }, (_, n) => from + n).values();
    const worker = async (): Promise<void> => {
      for (const n of numbers) {
        signal.throwIfAborted();
        await one(n);
      }
    };
    await Promise.all(Array.from({ length: Math.min(load.atOnce, count) }, worker));
    return;
  }
  const { perSecond, seconds } = load;
  await atRate({ perSecond, count: perSecond * seconds, clock, signal }, one);
}

interface Rate {
  readonly perSecond: number;
  readonly count: number;
  /** @default the system's */
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs an open loop: request n begins at its time, which it gets, whether or not earlier ones have ended. Rejects with the
 * first failure when all have ended.
 */
export async function atRate(
  { perSecond, count, clock = systemClock, signal }: Rate,
  one: (n: number, dueMs: number) => Promise<unknown>,
): Promise<void> {
  const begin = clock.monotonic();
  const open = new Set<Promise<unknown>>();
  const failures: unknown[] = [];
  for (let n = 0; n < count && signal?.aborted !== true; n += 1) {
    const dueMs = begin + (n * 1_000) / perSecond;
    const wait = dueMs - clock.monotonic();
    if (wait > 0) await clock.sleep(wait, signal);
    const asked = one(n, dueMs)
      .catch((error: unknown) => failures.push(error))
      .finally(() => open.delete(asked));
    open.add(asked);
  }
  await Promise.all(open);
  if (failures.length > 0) throw failures[0];
}

/** Each request has random numbers of its own: its content does not depend on the order of the answers. */
export function randomOf(seed: number): (n: number) => Random {
  return (n) => seededRandom(seed * 1_000_003 + n);
}
