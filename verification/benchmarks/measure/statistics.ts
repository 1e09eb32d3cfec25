/** The value below which `share` (0..1) of the sorted sample lies (nearest rank). */
export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

/** The middle one, or the mean of the two in the middle. */
export function median(sample: readonly number[]): number {
  const sorted = [...sample].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  if (!Number.isInteger(middle)) return upper;
  return ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function summarize(sample: readonly number[]) {
  return { min: Math.min(...sample), median: median(sample), max: Math.max(...sample) };
}

/**
 * The difference between two halves of one side's rounds (odd against even), as a factor ≥ 1. A difference between two
 * sides that is no larger means nothing. 1 with fewer than two rounds.
 */
export function spread(rounds: readonly number[]): number {
  if (rounds.length < 2) return 1;
  const odd = median(rounds.filter((_, index) => index % 2 === 0));
  const even = median(rounds.filter((_, index) => index % 2 === 1));
  return Math.max(odd, even) / Math.min(odd, even);
}
