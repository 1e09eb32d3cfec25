import type { Subscription } from '../define/subscription.ts';
import type { Step } from '../plan/plan.ts';

/**
 * Events of one transaction at most, where nobody says. One statement for all of them is soon done with a whole fetch (1 MiB:
 * some 1,400 events of 300 B), which is then one commit; calls one by one are not. Pure.
 */
export function defaultSize(subscriptions: readonly Pick<Subscription<never>, 'kind'>[]): number {
  return subscriptions.every(({ kind }) => kind === 'batch') ? 1_500 : 500;
}

/** Slices begin small, so that slow handlers never meet a transaction of hundreds of events. */
export function firstLimit({ sliceSize }: { readonly sliceSize: number }): number {
  return Math.min(16, sliceSize);
}

/** How many events the next slice may hold, so that one takes at most about `sliceMs`. Pure. */
export function nextLimit(
  limit: number,
  tookMs: number,
  bounds: { sliceMs: number; sliceSize: number },
): number {
  if (tookMs > bounds.sliceMs) return Math.max(1, Math.floor((limit * bounds.sliceMs) / tookMs));
  if (tookMs * 4 <= bounds.sliceMs) return Math.min(bounds.sliceSize, limit * 2);
  return limit;
}

/**
 * Cuts the steps of a slice into parts of one event each, for isolation: what only moves the position goes with the
 * event after it, or at the end with the last one. Pure.
 */
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

/** Whether there is more than one event to work, so that isolation would make a difference. Pure. */
export function hasSeveral<DB>(steps: readonly Step<DB>[]): boolean {
  let found = 0;
  for (const { kind } of steps) if (kind !== 'skip' && ++found > 1) return true;
  return false;
}
