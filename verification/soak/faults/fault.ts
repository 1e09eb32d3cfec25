import type { Clock } from '@convergekit/core';
import type { Source, World } from '../world.ts';
import type { Writers } from '../writers.ts';

export interface FaultRun {
  readonly world: World;
  readonly writers: ReadonlyMap<Source, Writers>;
  readonly clock: Clock;
  /** The duration or amount, in [0, 1). */
  readonly size: number;
  /** The choice of the target, in [0, 1). */
  readonly pick: number;
  readonly signal: AbortSignal;
}

export interface Fault {
  readonly kind: string;
  /** Goes on in the background while other faults come. @default false */
  readonly background?: boolean;
  /** Causes the fault, holds it, repairs it, also when aborted; returns a short description. */
  run(run: FaultRun): Promise<string>;
}

/** Returns the sources that a fault concerns: one of them, or both. */
export function chosen({ world, pick }: FaultRun): readonly Source[] {
  if (pick < 0.4) return [world.hunted];
  return pick < 0.8 ? [world.steady] : world.sources;
}

export function namesOf(sources: readonly Source[]): string {
  return sources.map(({ name }) => name).join(' and ');
}

/** Milliseconds between the two, by the size of this run. */
export function between(least: number, most: number, { size }: Pick<FaultRun, 'size'>): number {
  return Math.round(least + (most - least) * size);
}
