import type { Bar, Figure } from '../report/figure.ts';
import type { Series } from './series.ts';
import { median, quantile, spread } from './statistics.ts';

/** The latencies of one round, in milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly sample: readonly number[];
}

export function latenciesOf(sample: readonly number[]): Latencies {
  return { p50: quantile(sample, 0.5), p99: quantile(sample, 0.99), sample };
}

export interface Compared {
  /** What was measured; the quantile follows it. */
  readonly name: string;
  readonly ours: string;
  readonly rival: string;
  readonly bars: Readonly<Record<'p50' | 'p99', Bar>>;
  /** The side whose odd and even rounds say how much a difference means. */
  readonly spreadOf: string;
  /** Why the rival was not measured. */
  readonly absent?: string | undefined;
  /** @default 1 */
  readonly digits?: number;
}

/** Compares the medians of the rounds' quantiles of two sides. */
export function latencyFigures(
  series: Pick<Series<Pick<Latencies, 'p50' | 'p99'>>, 'of' | 'failure'>,
  { name, ours, rival, bars, spreadOf, absent, digits = 1 }: Compared,
): readonly Figure[] {
  const why = absent ?? series.failure(rival);
  return (['p50', 'p99'] as const).map((which) => {
    const of = (side: string): number[] => series.of(side).map((round) => round[which]);
    const measured = (side: string) => ({ value: median(of(side)), unit: 'ms', digits });
    return {
      ...{ name: `${name}, ${which}`, bar: bars[which], ours: measured(ours) },
      rival: why === undefined ? { ...measured(rival), who: rival } : undefined,
      spread: spread(of(spreadOf)),
      note: series.failure(ours) ?? why,
    };
  });
}

/** The cells of a round: the number of events, quantiles, and the longest. */
export function latencyCells({ p50, p99, sample }: Latencies): readonly string[] {
  return [String(sample.length), p50.toFixed(2), p99.toFixed(2), Math.max(...sample).toFixed(1)];
}
