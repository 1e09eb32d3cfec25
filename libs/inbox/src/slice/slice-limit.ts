import type { Subscription } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';
import type { SliceBounds } from './partition-state.ts';

/**
 * The default for the most events of one transaction. One statement handles a whole fetch (1 MiB: about 1,400 events of
 * 300 B) quickly, so that a fetch is one commit; single calls do not. Pure.
 */
export function defaultSize(subscriptions: readonly Pick<Subscription<never>, 'kind'>[]): number {
  return subscriptions.every(({ kind }) => kind === 'batch') ? 1_500 : 500;
}

/** Returns the small limit of the first slices, so that slow handlers never get hundreds of events. */
export function firstLimit({ sliceSize }: Pick<SliceBounds, 'sliceSize'>): number {
  return Math.min(16, sliceSize);
}

/** Computes the most events of the next slice, which should take about `sliceMs`. Pure. */
export function nextLimit(limit: number, tookMs: number, bounds: SliceBounds): number {
  if (tookMs > bounds.sliceMs) return Math.max(1, Math.floor((limit * bounds.sliceMs) / tookMs));
  if (tookMs * 4 <= bounds.sliceMs) return Math.min(bounds.sliceSize, limit * 2);
  return limit;
}

/** Splits steps into parts of one event each (pure). Those that only move the position join a neighbour. */
export function splitByWork<DB>(steps: readonly Step<DB>[]): readonly (readonly Step<DB>[])[] {
  const parts: Step<DB>[][] = [];
  let part: Step<DB>[] = [];
  for (const step of steps) {
    part.push(step);
    if (step.kind === 'skip') continue;
    parts.push(part);
    part = [];
  }
  if (part.length === 0) return parts;
  const last = parts.at(-1);
  if (last === undefined) return [part];
  last.push(...part);
  return parts;
}

/** True when more than one event is to be handled, so that isolation makes a difference. Pure. */
export function hasSeveral<DB>(steps: readonly Step<DB>[]): boolean {
  let found = 0;
  for (const { kind } of steps) if (kind !== 'skip' && ++found > 1) return true;
  return false;
}
