import type { Clock } from '@convergekit/core';
import { reasonOf } from '../programs.ts';
import { randomOf } from './drive.ts';
import type { LabRun } from './spec.ts';
import type { Load, Look, Part } from './types.ts';

export interface RestOptions {
  readonly look: () => Promise<Look>;
  readonly clock: Pick<Clock, 'monotonic' | 'sleep'>;
  readonly signal: AbortSignal;
  /** The time without change before the system counts as stuck, in milliseconds. */
  readonly noProgressMs: number;
  readonly onLook?: (look: Look) => void;
}

/** Waits while there is progress: fewer things open than ever before, or more records read. At rest, nothing is open. */
export async function untilRest(options: RestOptions) {
  const { look, clock, signal, noProgressMs, onLook } = options;
  let fewest = Infinity;
  let most = -1;
  let movedAt = clock.monotonic();
  for (;;) {
    signal.throwIfAborted();
    const now = await look();
    if (now.waitingFor === undefined) return { atRest: true, look: now };
    if (now.open < fewest || now.read > most) movedAt = clock.monotonic();
    fewest = Math.min(fewest, now.open);
    most = Math.max(most, now.read);
    if (clock.monotonic() - movedAt > noProgressMs) return { atRest: false, look: now };
    onLook?.(now);
    await clock.sleep(200, signal);
  }
}

/** Looks at all parts, and adds what is open. */
export async function lookAtAll(parts: readonly Pick<Part, 'look'>[]): Promise<Look> {
  const looks = await Promise.all(parts.map((part) => part.look()));
  return {
    waitingFor: looks.find(({ waitingFor }) => waitingFor !== undefined)?.waitingFor,
    open: looks.reduce((sum, { open }) => sum + open, 0),
    read: looks.reduce((sum, { read }) => sum + read, 0),
  };
}

/** Maps a failed look to no progress: a broker that was just restarted has no leaders yet. */
export function unanswered(error: unknown): Look {
  return { waitingFor: `an answer (${reasonOf(error)})`, open: Infinity, read: -1 };
}

/** The share of what a machine carries that a load takes: faults and their repair need the rest. */
const SHARE = 1 / 3;
const WARM_AT_ONCE = 8;

/**
 * Makes requests before the load, so that processes are warm when it begins, and measures what the machine carries. Returns
 * the load at a rate of which a third of that is the most.
 */
export async function warmedUp(
  { parts, load, warmUp, seed, clock, progress, signal }: LabRun,
  noProgressMs: number,
): Promise<Load> {
  if (warmUp === undefined || load.kind !== 'rate') return load;
  const requests = Object.values(warmUp).reduce((sum, count) => sum + count, 0);
  const before: Load = { kind: 'count', counts: warmUp, atOnce: WARM_AT_ONCE, from: -requests };
  const began = clock.monotonic();
  await Promise.all(parts.map((part) => part.load(before, randomOf(seed), signal)));
  await untilRest({ look: () => lookAtAll(parts), clock, signal, noProgressMs });
  const carried = (requests * 1_000) / Math.max(1, clock.monotonic() - began);
  const perSecond = Math.min(load.perSecond, Math.max(0.1, Math.round(carried * SHARE * 10) / 10));
  progress.note(
    `all processes are warm: ${requests} requests at ${carried.toFixed(1)}/s; the load is ${perSecond}/s for ${load.seconds} s`,
  );
  return { ...load, perSecond };
}
