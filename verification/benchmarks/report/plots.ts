import { quantile, summarize } from '../measure/statistics.ts';
import { barPlot, cumulative, linePlot, type Plot } from './svg.ts';

interface Values {
  readonly label: string;
  readonly values: readonly number[];
}

/** A bar for the median of each side's rounds, with the lowest and the highest one. */
export function roundsPlot(
  plot: Omit<Plot, 'svg'> & { readonly unit: string },
  sides: readonly Values[],
): Plot {
  const { name, title, unit } = plot;
  const bars = sides.map(({ label, values }) => {
    const { min, median, max } = summarize(values);
    return { label, value: median, low: min, high: max };
  });
  return { name, title, svg: barPlot({ title: `${title}: median, lowest and highest round`, unit, bars }) };
}

/** A curve for each side: the share of its sample that is at most x. */
export function sharesPlot(
  plot: Omit<Plot, 'svg'> & { readonly what: string; readonly xLabel: string },
  sides: readonly Values[],
): Plot {
  const { name, title, what, xLabel } = plot;
  const xMax = 2 * Math.max(...sides.map(({ values }) => quantile(values, 0.95)).filter(Number.isFinite));
  const svg = linePlot({
    title: what,
    xLabel,
    yLabel: 'share',
    series: sides.map(({ label, values }) => ({ label, points: cumulative(values) })),
    ...(Number.isFinite(xMax) ? { xMax } : {}),
  });
  return { name, title, svg };
}
