/**
 * The number of ranges that a pass compares, so that all are compared within `maxAgeMs`; `sinceMs`: since the last
 * comparison. A pass that comes before a whole range is due compares none: the time counts for a later one. Pure.
 */
export function shareOf(ranges: number, sinceMs: number | null, maxAgeMs: number): number {
  if (sinceMs === null) return ranges;
  const due = (ranges * sinceMs) / maxAgeMs;
  return due < 1 ? 0 : Math.min(ranges, Math.ceil(due));
}

/** The number of ranges that one statement may read, so that it reads about `stepRows` rows. Pure. */
export function rangesPerStep(ranges: number, rows: number, stepRows: number): number {
  if (rows <= stepRows) return ranges;
  return Math.max(1, Math.floor((ranges * stepRows) / rows));
}

/** With more reported keys than this share of the rows, hashing everything is cheaper. */
const WHOLE_SHARE = 1 / 8;

/** Decides whether a pass compares everything instead of so many reported keys. Pure. */
export function isEverythingCheaper(reported: number, rows: number): boolean {
  return rows > 0 && reported > rows * WHOLE_SHARE;
}
