import { consumers } from '../../infra/grafana/source/boards/consumers.ts';
import { queriesOf } from '../../infra/grafana/source/model.ts';
import { queryRange, type Range, type Series } from './api.ts';
import { withoutVariables } from './evaluate.ts';

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
