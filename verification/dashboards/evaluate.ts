import { readdir, readFile } from 'node:fs/promises';
import { dashboards } from '../../infra/grafana/source/boards/index.ts';
import { consumers } from '../../infra/grafana/source/boards/consumers.ts';
import { queriesOf, type Query } from '../../infra/grafana/source/model.ts';
import { parse } from 'yaml';
import { findSeries, queryRange, type Range, type Series } from './api.ts';

/** A query of a panel with what it returned. */
export interface Evaluated {
  /** The dashboard, the panel, and the number of the query in it. */
  readonly place: string;
  readonly query: Query;
  readonly series: readonly Series[];
}

/**
 * Grafana's variables in a test: every value, but not a label that is missing; a short window because scrapes are
 * frequent; the whole run.
 */
export function withoutVariables(promql: string): string {
  return promql
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('$__range', '10m')
    .replaceAll(/\$[a-z]\w*/gi, '.+');
}

/** Evaluates the queries of all panels over the range. A rare event is looked for without its zero. */
export async function evaluatePanels(url: string, range: Range): Promise<readonly Evaluated[]> {
  const found: Evaluated[] = [];
  for (const { title, rows } of dashboards)
    for (const panel of rows.flatMap(({ panels }) => panels)) {
      for (const [index, query] of queriesOf(panel).entries()) {
        const series = await queryRange(url, withoutVariables(query.promql), range);
        found.push({ place: `${title} / ${panel.title} ${index + 1}`, query, series });
      }
    }
  return found;
}

/** True when at least one value is a number: 0 divided by 0 is no data. */
export function hasData({ series }: Evaluated): boolean {
  return series.some(({ values }) => values.some(({ value }) => Number.isFinite(value)));
}

/** The places of the queries without data. */
export async function emptyPanels(url: string, range: Range): Promise<readonly string[]> {
  return (await evaluatePanels(url, range)).filter((one) => !hasData(one)).map(({ place }) => place);
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert?: string; readonly record?: string; readonly expr: string }[];
  }[];
}

/** An alert with the metrics that its expression reads, and those of them that no process exports with its labels. */
export interface EvaluatedAlert {
  readonly alert: string;
  readonly expr: string;
  readonly missing: readonly string[];
}

/** Evaluates the expression of each alert, and looks for the series it reads with the labels it groups by. */
export async function evaluateAlerts(url: string, range: Range): Promise<readonly EvaluatedAlert[]> {
  const folder = new URL('../../infra/prometheus/', import.meta.url);
  const found: EvaluatedAlert[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.rules.yaml')) continue;
    const { groups } = parse(await readFile(new URL(name, folder), 'utf8')) as Rules;
    for (const { alert, expr } of groups.flatMap(({ rules }) => rules)) {
      if (alert === undefined) continue;
      await queryRange(url, expr, range);
      found.push({ alert, expr, missing: await missingOf(url, expr) });
    }
  }
  return found;
}

async function missingOf(url: string, expr: string): Promise<readonly string[]> {
  const labels = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const withLabels = [...new Set(labels)].map((label) => `${label}!=""`).join(',');
  const missing: string[] = [];
  for (const metric of metricsOf(expr)) {
    const selector = withLabels === '' ? metric : `${metric}{${withLabels}}`;
    if ((await findSeries(url, selector)).length === 0) missing.push(selector);
  }
  return missing;
}

/** The names of the series that an expression reads: words of ours that are neither labels nor label values. */
export function metricsOf(expr: string): readonly string[] {
  const bare = expr.replaceAll(/\{[^}]*\}/g, '').replaceAll(/\b(?:by|on) \([^)]*\)/g, '');
  return [...new Set(bare.match(/\bconverge[\w:]*/g) ?? [])];
}

const PANEL = 'Time to recovery';

/** What the panel of consumers reads after an outage, by consumer, in seconds. */
export interface Recovery {
  readonly consumer: string;
  readonly scope: string;
  readonly seconds: number;
}

export async function readRecoveries(url: string, range: Range): Promise<readonly Recovery[]> {
  const panel = consumers.rows.flatMap(({ panels }) => panels).find(({ title }) => title === PANEL);
  if (panel === undefined) throw new Error(`no panel is named ${PANEL}`);
  const found: Recovery[] = [];
  for (const { promql } of queriesOf(panel))
    found.push(...longest(await queryRange(url, withoutVariables(promql), range)));
  return found;
}

/** The highest value of each series: the outage, beside the short recoveries of a run. Pure. */
export function longest(series: readonly Series[]): readonly Recovery[] {
  return series.map(({ labels, values }) => ({
    consumer: labels['converge_consumer'] ?? '',
    scope: labels['converge_recovery_scope'] ?? '',
    seconds: Math.max(...values.map(({ value }) => value).filter(Number.isFinite)),
  }));
}

/** True when a consumer's partitions read the outage, within the tolerance. Pure. */
export function readsOutage(
  recoveries: readonly Recovery[],
  outage: { readonly seconds: number; readonly toleranceSeconds: number },
): boolean {
  const partitions = recoveries.filter(({ scope }) => scope === 'partition');
  return (
    partitions.length > 0 &&
    partitions.every(({ seconds }) => Math.abs(seconds - outage.seconds) <= outage.toleranceSeconds)
  );
}
