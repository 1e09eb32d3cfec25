import { randomOf } from './drive.ts';
import { lookAtAll, untilRest } from './rest.ts';
import type { LabRun } from './spec.ts';
import type { Load } from './types.ts';

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
