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
