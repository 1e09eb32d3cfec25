import { readdir, readFile } from 'node:fs/promises';
import { dashboards } from '../../infra/grafana/source/boards/index.ts';
import { consumers } from '../../infra/grafana/source/boards/consumers.ts';
import { queriesOf, type Query } from '../../infra/grafana/source/model.ts';
import { parse } from 'yaml';

/** A series of a range query: its labels, and its values in the order of time. */
interface Series {
  readonly labels: Labels;
  readonly values: readonly number[];
}

interface Range {
  /** Seconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Seconds between two values. */
  readonly step: number;
}

type Labels = Readonly<Record<string, string>>;

interface Ranges {
  readonly result: readonly { readonly metric: Labels; readonly values: readonly [number, string][] }[];
}

/** Evaluates a query over a range by the HTTP API. Rejects with Prometheus' reason when the query is wrong. */
async function queryRange(url: string, promql: string, range: Range): Promise<readonly Series[]> {
  const [start, end, step] = [`${range.from}`, `${range.to}`, `${range.step}`];
  const { result } = await ask<Ranges>(url, 'query_range', { query: promql, start, end, step });
  return result.map(({ metric: labels, values }) => ({
    labels,
    values: values.map(([, text]) => Number(text)),
  }));
}

async function ask<T>(url: string, path: string, parameters: Record<string, string>): Promise<T> {
  const body = new URLSearchParams(parameters);
  const response = await fetch(`${url}/api/v1/${path}`, { method: 'POST', body });
  const answer = (await response.json()) as { data: T; readonly status: string; readonly error?: string };
  if (answer.status !== 'success')
    throw new Error(`Prometheus refused ${JSON.stringify(parameters)}: ${answer.error ?? 'no reason'}`);
  return answer.data;
}

/** A query of a panel with what it returned. `place`: the dashboard, the panel, and the number of the query in it. */
interface Evaluated {
  readonly place: string;
  readonly query: Query;
  readonly series: readonly Series[];
}

/**
 * Grafana's variables in a test: every value, but not a label that is missing; a short window because scrapes are
 * frequent; the whole run.
 */
function withoutVariables(promql: string): string {
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
  return series.some(({ values }) => values.some(Number.isFinite));
}

export async function emptyPanels(url: string, range: Range): Promise<readonly string[]> {
  return (await evaluatePanels(url, range)).filter((one) => !hasData(one)).map(({ place }) => place);
}

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert?: string; readonly record?: string; readonly expr: string }[];
  }[];
}

/**
 * Evaluates the expression of each alert, and looks for the series it reads with the labels it groups by. `missing`: those
 * that no process exports.
 */
export async function evaluateAlerts(url: string, range: Range) {
  const folder = new URL('../../infra/prometheus/', import.meta.url);
  const found: { alert: string; missing: readonly string[] }[] = [];
  for (const name of await readdir(folder)) {
    if (!name.endsWith('.rules.yaml')) continue;
    const { groups } = parse(await readFile(new URL(name, folder), 'utf8')) as Rules;
    for (const { alert, expr } of groups.flatMap(({ rules }) => rules)) {
      if (alert === undefined) continue;
      await queryRange(url, expr, range);
      found.push({ alert, missing: await missingOf(url, expr) });
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
    const found = await ask<readonly Labels[]>(url, 'series', { 'match[]': selector });
    if (found.length === 0) missing.push(selector);
  }
  return missing;
}

/** The names of the series that an expression reads: words of ours that are neither labels nor label values. */
function metricsOf(expr: string): readonly string[] {
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
  const found: Series[] = [];
  for (const { promql } of queriesOf(panel))
    found.push(...(await queryRange(url, withoutVariables(promql), range)));
  // The highest value of each: the outage, beside the short recoveries of a run.
  return found.map(({ labels, values }) => ({
    consumer: labels['converge_consumer'] ?? '',
    scope: labels['converge_recovery_scope'] ?? '',
    seconds: Math.max(...values.filter(Number.isFinite)),
  }));
}

/** True when a consumer's partitions read the outage, within the tolerance. Pure. */
export function readsOutage(
  recoveries: readonly Recovery[],
  outageSeconds: number,
  toleranceSeconds: number,
): boolean {
  const partitions = recoveries.filter(({ scope }) => scope === 'partition');
  return (
    partitions.length > 0 &&
    partitions.every(({ seconds }) => Math.abs(seconds - outageSeconds) <= toleranceSeconds)
  );
}
