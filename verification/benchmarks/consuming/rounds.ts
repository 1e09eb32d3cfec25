import { inTurn } from '../cases/drain.ts';
import type { World } from '../case.ts';
import { Series } from '../measure/series.ts';
import { median, spread, summarize } from '../measure/statistics.ts';
import type { Measured } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { barPlot, type Plot } from '../report/svg.ts';
import { makeBacklog } from './backlog.ts';
import { type Consumed, consumeOnce } from './consume-once.ts';
import type { Way } from './ways.ts';

/** An entrant and its maximum of events: a slow one gets fewer, since the rate is compared. */
export interface Entrant {
  readonly way: Way;
  readonly label: string;
  readonly mostRows: number;
}

/** Runs all entrants in sequence, round after round, on one topic. */
export async function raceThem(
  world: World,
  name: string,
  entrants: readonly Entrant[],
): Promise<Series<Consumed>> {
  const { settings, say } = world;
  const most = Math.max(...entrants.map(({ mostRows }) => mostRows));
  const backlog = await makeBacklog(world, Math.min(settings.events, most));
  const series = new Series<Consumed>();
  try {
    for (let round = 1; round <= settings.rounds; round += 1)
      for (const { way, label, mostRows } of inTurn(entrants, round)) {
        const rows = Math.min(backlog.rows, settings.quick ? mostRows / 4 : mostRows);
        const got = await series.round(label, () => consumeOnce(world, backlog, way, rows));
        say(
          got === undefined
            ? `${name}, round ${round}: ${label} failed: ${series.failure(label) ?? ''}`
            : `${name}, round ${round}: ${label} ${got.effectsPerSecond.toFixed(0)} effects/s, ${got.cpuMicrosPerEvent.toFixed(1)} µs/event, ${got.peakMiB.toFixed(0)} MiB`,
        );
      }
    return series;
  } finally {
    await backlog.remove();
  }
}

export function rateOf(series: Series<Consumed>, label: string): Measured {
  return { value: median(ratesOf(series, label)), unit: 'effects/s' };
}

export function spreadOf(series: Series<Consumed>, label: string): number {
  return spread(ratesOf(series, label));
}

function ratesOf(series: Series<Consumed>, label: string): number[] {
  return series.of(label).map(({ effectsPerSecond }) => effectsPerSecond);
}

export function ratePlot(series: Series<Consumed>, name: string, title: string): Plot {
  const bars = series.sides.map((label) => {
    const { min, median: value, max } = summarize(ratesOf(series, label));
    return { label, value, low: min, high: max };
  });
  return {
    name,
    title,
    svg: barPlot({ title: `${title}: median, lowest and highest round`, unit: '/s', bars }),
  };
}

export function roundsTable(series: Series<Consumed>): string {
  const rows = series.sides.flatMap((label) =>
    series
      .of(label)
      .map(({ rows: count, effectsPerSecond, cpuMicrosPerEvent, peakMiB }, index) => [
        label,
        String(index + 1),
        count.toLocaleString('en-US'),
        Math.round(effectsPerSecond).toLocaleString('en-US'),
        cpuMicrosPerEvent.toFixed(1),
        peakMiB.toFixed(0),
      ]),
  );
  return table(['consumer', 'round', 'events', 'effects/s', 'CPU µs/event', 'peak MiB'], rows);
}

/** The method of the comparison, as Markdown. */
export const METHOD = `The events (300 B, 1,000 keys, six partitions) were written through the outbox and published by the relay before the clock starts; every
consumer reads the same topic, in a process of its own, into a fresh database: one row per event with an identity as primary key, \`synchronous_commit\`
on, a checkpoint before the start. The clock runs from a fifth of the events to the last hundredth, by the table's sequence, read every 20 ms. CPU is
user + system of the consuming process in that time. Afterwards the table is counted: no event may have taken effect twice. Consumers take turns, and
each round begins with another one; slow ones get fewer events.`;
