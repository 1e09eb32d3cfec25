import {
  byLabels,
  type Counter,
  type Distribution,
  type LabelOf,
  type Level,
  selector,
  type Selection,
} from './series.ts';

/** PromQL of dashboards. Grafana replaces the variables: the window fits the scrapes, the range is the one shown. */
const WINDOW = '$__rate_interval';

type For<Name extends Counter | Level | Distribution> = Selection<LabelOf<Name>>;

/** Occurrences per second. */
export function perSecond<Name extends Counter>(counter: Name, { where, by }: For<Name> = {}): string {
  return `sum ${byLabels(by)}(rate(${selector(counter, where)}[${WINDOW}]))`;
}

/** Occurrences in the shown range. */
export function occurred<Name extends Counter>(counter: Name, { where, by }: For<Name> = {}): string {
  return `sum ${byLabels(by)}(increase(${selector(counter, where)}[$__range]))`;
}

/** Occurrences since the processes started. For rare events: Prometheus sees no increase in a counter's first sample. */
export function sinceStart<Name extends Counter>(counter: Name, { where, by }: For<Name> = {}): string {
  return `sum ${byLabels(by)}(${selector(counter, where)})`;
}

export function sumOf<Name extends Level>(level: Name, { where, by }: For<Name> = {}): string {
  return `sum ${byLabels(by)}(${selector(level, where)})`;
}

export function maxOf<Name extends Level>(level: Name, { where, by }: For<Name> = {}): string {
  return `max ${byLabels(by)}(${selector(level, where)})`;
}

/** A quantile of the values of the last window. */
export function quantile<Name extends Distribution>(
  share: number,
  distribution: Name,
  { where, by = [] }: For<Name> = {},
): string {
  const buckets = `sum ${byLabels(['le', ...by])}(rate(${selector(distribution, where, '_bucket')}[${WINDOW}]))`;
  return `histogram_quantile(${share}, ${buckets})`;
}

/** Values recorded per second. */
export function recordedPerSecond<Name extends Distribution>(
  distribution: Name,
  { where, by }: For<Name> = {},
): string {
  return `sum ${byLabels(by)}(rate(${selector(distribution, where, '_count')}[${WINDOW}]))`;
}

/**
 * The mean of the values of the last window, also of the very first one, in which `rate` sees no increase.
 * Nothing where no value was recorded, and after a restart until the next value.
 */
export function recentMean<Name extends Distribution>(
  distribution: Name,
  { where, by }: For<Name> = {},
): string {
  const added = (suffix: '_sum' | '_count'): string => {
    const series = selector(distribution, where, suffix);
    return `sum ${byLabels(by)}(${series} - (${series} offset ${WINDOW} or ${series} * 0))`;
  };
  return `${added('_sum')} / (${added('_count')} > 0)`;
}
