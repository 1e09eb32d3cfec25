import { label, type Label, selector, type Level, type Counter } from './series.ts';

/** Units of Grafana. Base units only: seconds, bytes, shares of one. */
export type Unit = 'short' | 's' | 'bytes' | 'ops' | 'percentunit' | 'bits';

export interface Query {
  readonly promql: string;
  /** The name of a line, with labels in double braces. @default the labels by which the expression keeps its series apart */
  readonly legend?: string;
  /** A time window of rows, for tables: the value now. @default false */
  readonly instant?: boolean;
  /** See `rare`. @default false */
  readonly rare?: boolean;
}

interface Common {
  readonly title: string;
  /** What the panel shows, and what to do when it looks wrong. */
  readonly description: string;
  /** Columns of 24. @default 8 */
  readonly width?: number;
}

/** `timeseries` lines over time, `stat` one number now, `table` one row for each series, `alerts` what fires. */
export type Panel =
  | (Common & {
      /** @default timeseries */
      readonly kind?: 'timeseries' | 'stat' | 'table';
      /** @default short */
      readonly unit?: Unit;
      /** An expression alone is a query without settings. */
      readonly queries: readonly (string | Query)[];
      /** From this value on it is shown in red. @default none */
      readonly alarmFrom?: number;
      /** Lines are stacked. @default false */
      readonly stacked?: boolean;
    })
  | (Common & { readonly kind: 'alerts' });

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A choice at the top of a dashboard: the values of a label. */
export interface Variable {
  readonly label: Label;
  /** The series whose values are offered. */
  readonly of: Counter | Level;
}

export interface Dashboard {
  /** Names the file, and the address in Grafana. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly Row[];
}

/** A query of events that a healthy system does not have: without one the panel shows zero, not "no data". */
export function rare(promql: string, legend?: string): Query {
  return { promql, ...(legend !== undefined && { legend }), rare: true };
}

/** The name of a line from labels, such as `{{converge_consumer}} {{converge_topic}}`. */
export function named(...labels: readonly Label[]): string {
  return labels.map((one) => `{{${label(one)}}}`).join(' ');
}

export function valuesOf({ label: one, of }: Variable): string {
  return `label_values(${selector(of)}, ${label(one)})`;
}

/** The queries of a panel; none of a list of alerts. */
export function queriesOf(panel: Panel): readonly Query[] {
  if (panel.kind === 'alerts') return [];
  return panel.queries.map((query) => (typeof query === 'string' ? { promql: query } : query));
}

export function legendOf({ promql, legend }: Query): string {
  const [, labels = ''] = /\bby \(([^)]*)\)/.exec(promql) ?? [];
  const kept = labels.split(', ').filter((one) => one !== 'le');
  return legend ?? kept.map((one) => `{{${one}}}`).join(' ');
}

/** The expression that Grafana gets: a rare event that did not happen is zero. */
export function expressionOf({ promql, rare = false }: Query): string {
  return rare ? `${promql} or on () vector(0)` : promql;
}
