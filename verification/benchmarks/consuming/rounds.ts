import type { World } from '../case.ts';
import { race, type Series } from '../measure/series.ts';
import { count, table } from '../report/markdown.ts';
import { roundsPlot } from '../report/plots.ts';
import type { Plot } from '../report/svg.ts';
import { type Consumed, consumeOnce, withBacklog } from './consume-once.ts';
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
  return withBacklog(world, Math.min(settings.events, most), (backlog) =>
    race<Entrant, Consumed>({
      name,
      sides: entrants,
      nameOf: ({ label }) => label,
      rounds: settings.rounds,
      say,
      measure: ({ way, mostRows }) =>
        consumeOnce(world, backlog, way, Math.min(backlog.rows, settings.quick ? mostRows / 4 : mostRows)),
      line: consumedText,
    }),
  );
}

export const RATE = { read: (round: Consumed): number => round.effectsPerSecond, unit: 'effects/s' };
export const CPU = { read: (round: Consumed): number => round.cpuMicrosPerEvent, unit: 'µs', digits: 1 };

export function consumedText({ effectsPerSecond, cpuMicrosPerEvent, peakMiB }: Consumed): string {
  return `${effectsPerSecond.toFixed(0)} effects/s, ${cpuMicrosPerEvent.toFixed(1)} µs/event, ${peakMiB.toFixed(0)} MiB`;
}

export function ratePlot(series: Series<Consumed>, name: string, title: string): Plot {
  const sides = series.sides.map((label) => ({ label, values: series.of(label).map(RATE.read) }));
  return roundsPlot({ name, title, unit: '/s' }, sides);
}

export function roundsTable(series: Series<Consumed>): string {
  return table(
    ['consumer', 'round', 'events', 'effects/s', 'CPU µs/event', 'peak MiB'],
    series.rows(({ rows, effectsPerSecond, cpuMicrosPerEvent, peakMiB }) => [
      ...[count(rows), count(effectsPerSecond), cpuMicrosPerEvent.toFixed(1), peakMiB.toFixed(0)],
    ]),
  );
}
