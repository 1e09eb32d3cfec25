/** The value below which `share` (0..1) of the sorted sample lies (nearest rank). */
export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (sample: readonly number[]): number => quantile(sample, 0.5);

export interface Summary {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

export function summarize(sample: readonly number[]): Summary {
  return { min: Math.min(...sample), median: median(sample), max: Math.max(...sample) };
}
