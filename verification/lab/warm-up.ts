import { randomOf } from './drive.ts';
import { sumLooks, untilRest } from './rest.ts';
import type { Load, Look, Part, Run } from './types.ts';

/** The part of a run that is needed before its load. */
export interface WarmUp extends Pick<Run, 'seed' | 'clock' | 'progress' | 'signal'> {
  readonly parts: readonly Part[];
  readonly load: Load;
  /** Requests before a load at a rate, by their names. @default none */
  readonly warmUp?: Readonly<Record<string, number>>;
}

/** The share of what a machine carries that a load takes: faults and their repair need the rest. */
const SHARE = 1 / 3;
const WARM_AT_ONCE = 8;

/**
 * Makes requests before the load, so that processes are warm when it begins, and measures what the machine carries. Returns
 * the load at a rate of which a third of that is the most.
 */
export async function warmedUp({ parts, load, warmUp, ...run }: WarmUp, noProgressMs: number): Promise<Load> {
  if (warmUp === undefined || load.kind !== 'rate') return load;
  const { seed, clock, progress, signal } = run;
  const requests = Object.values(warmUp).reduce((sum, count) => sum + count, 0);
  const before: Load = { kind: 'count', counts: warmUp, atOnce: WARM_AT_ONCE, from: -requests };
  const began = clock.monotonic();
  await Promise.all(parts.map((part) => part.load(before, randomOf(seed), signal)));
  const look = (): Promise<Look> => Promise.all(parts.map((part) => part.look())).then(sumLooks);
  await untilRest({ look, clock, signal, noProgressMs });
  const carried = (requests * 1_000) / Math.max(1, clock.monotonic() - began);
  const perSecond = Math.min(load.perSecond, Math.max(0.1, Math.round(carried * SHARE * 10) / 10));
  progress.note(
    `all processes are warm: ${requests} requests at ${carried.toFixed(1)}/s; the load is ${perSecond}/s for ${load.seconds} s`,
  );
  return { ...load, perSecond };
}
