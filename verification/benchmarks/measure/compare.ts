import type { Bar, Figure } from '../report/figure.ts';
import type { Series } from './series.ts';
import { median, quantile, spread } from './statistics.ts';

/** What is read of each round of two sides. */
export interface Compared<T> {
  readonly name: string;
  /** @default report */
  readonly bar?: Bar | undefined;
  readonly ours: string;
  /** @default none */
  readonly rival?: string;
  readonly read: (round: T) => number;
  readonly unit: string;
  /** @default 0 */
  readonly digits?: number;
  /** The side whose odd and even rounds say how much a difference means. @default none */
  readonly spreadOf?: string;
  /** Why the rival was not measured. */
  readonly absent?: string | undefined;
}

/** Compares the medians of two sides. A side that failed keeps its earlier rounds, and the figure says why it did. */
export function compared<T>(
  series: Pick<Series<T>, 'of' | 'failure'>,
  { name, bar, ours, rival = '', read, unit, digits = 0, spreadOf, absent }: Compared<T>,
): Figure {
  const of = (side: string): number[] => series.of(side).map(read);
  const measured = (side: string) => ({ value: median(of(side)), unit, digits });
  return {
    name,
    bar,
    ours: measured(ours),
    rival: of(rival).length === 0 ? undefined : { ...measured(rival), who: rival },
    spread: spreadOf === undefined ? undefined : spread(of(spreadOf)),
    note: series.failure(ours) ?? absent ?? series.failure(rival),
  };
}

/** The latencies of one round, in milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
  readonly sample: readonly number[];
}

export function latenciesOf(sample: readonly number[]): Latencies {
  return { p50: quantile(sample, 0.5), p99: quantile(sample, 0.99), sample };
}

/** Compares the quantiles of two sides, each with a bar of its own. */
export function latencyFigures(
  series: Series<Latencies>,
  {
    name,
    bars,
    ...sides
  }: Omit<Compared<Latencies>, 'bar' | 'read' | 'unit'> & {
    readonly bars: Readonly<Record<'p50' | 'p99', Bar>>;
  },
): readonly Figure[] {
  return (['p50', 'p99'] as const).map((which) =>
    compared(series, {
      name: `${name}, ${which}`,
      bar: bars[which],
      read: (round) => round[which],
      unit: 'ms',
      digits: 1,
      ...sides,
    }),
  );
}

/** The cells of a round: the number of events, quantiles, and the longest. */
export function latencyCells({ p50, p99, sample }: Latencies): readonly string[] {
  return [String(sample.length), p50.toFixed(2), p99.toFixed(2), Math.max(...sample).toFixed(1)];
}
