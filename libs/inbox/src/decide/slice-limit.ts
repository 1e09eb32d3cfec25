import type { Subscription } from '../define/subscription.ts';

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
