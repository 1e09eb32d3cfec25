import { type Case, type CaseResult, debeziumOf, type World } from '../case.ts';
import { type Drained, drainOnce } from '../measure/drain-once.ts';
import { race, type Series } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import type { Bar, Figure, Measured } from '../report/figure.ts';
import { count, table } from '../report/markdown.ts';
import { roundsPlot } from '../report/plots.ts';
import type { Side } from '../sides/side.ts';

/** The default driver comes first. */
function barOf(side: string, index: number): Bar {
  if (index === 0) return { kind: 'at least', ratio: 3, aim: 4 };
  return side.includes('kafkajs') ? { kind: 'at least', ratio: 0.9 } : { kind: 'report' };
}

/** The rate at which a backlog drains, on every side. */
export const drainCase: Case = {
  name: 'drain',
  title: 'Drain of a backlog',
  async run(world) {
    const debezium = debeziumOf(world);
    const sides = [...world.sides.ours, ...(debezium === undefined ? [] : [debezium]), ...world.sides.others];
    const { rounds, events } = world.settings;
    const series = await race<Side, Drained>({
      ...{ name: 'drain', sides, rounds, nameOf: ({ name }) => name, say: world.say },
      measure: (side, round) =>
        drainOnce(world, side, { rows: Math.min(events, side.mostRows), verify: round === 1 }),
      line: ({ eventsPerSecond, cpuMicrosPerEvent, peakMiB }) =>
        `${eventsPerSecond.toFixed(0)} events/s, ${cpuMicrosPerEvent.toFixed(1)} µs/event, ${peakMiB.toFixed(0)} MiB`,
    });
    const peaks = series.of('Debezium').map(({ peakMiB }) => peakMiB);
    if (peaks.length > 0) world.learnt.debeziumPeakMiB = median(peaks);
    return resultOf(world, series);
  },
};

function resultOf(world: World, series: Series<Drained>): CaseResult {
  const { debezium, ours, others } = world.sides;
  const [first] = ours;
  const rival = 'absent' in debezium ? debezium : { name: debezium.name };
  const events = count(world.settings.events);
  return {
    figures: [
      ...ours.map(({ name }, index) => ({
        ...against(series, name, rival),
        name: `drain of ${events} events of 300 B, ${name}${index === 0 ? ', the default driver' : ''}`,
        bar: barOf(name, index),
      })),
      ...others.map((other) => ({
        ...against(series, first.name, other),
        name: `the same, ${first.name}, against ${other.name}`,
      })),
      ...ours.map(({ name }) => ({
        ...against(series, name, rival, {
          of: (round) => round.cpuMicrosPerEvent,
          unit: 'µs/event',
          digits: 1,
        }),
        name: `CPU of the process in a drain, ${name}`,
      })),
      ...ours.map(({ name }) => ({
        ...against(series, name, rival, { of: (round) => round.peakMiB, unit: 'MiB', digits: 0 }),
        name: `most resident memory in a drain, ${name}`,
      })),
    ],
    plots: [
      roundsPlot(
        { name: 'drain', title: 'Drain of a backlog', unit: 'events/s' },
        series.sides.map((label) => ({ label, values: series.of(label).map(RATE.of) })),
      ),
    ],
    rounds: table(
      ['side', 'round', 'rows', 'events/s', 'CPU µs/event', 'peak MiB', 'checked'],
      series.rows(cellsOf),
    ),
  };
}

interface Quantity {
  readonly of: (round: Drained) => number;
  readonly unit: string;
  readonly digits: number;
}

const RATE: Quantity = { of: (round) => round.eventsPerSecond, unit: 'events/s', digits: 0 };

/** Compares by the completed rounds of each side: a failure in a later round is reported, and earlier rounds count. */
function against(
  series: Series<Drained>,
  ours: string,
  rival: { readonly name: string } | { readonly absent: string },
  { of, unit, digits }: Quantity = RATE,
): Omit<Figure, 'name'> {
  const measured = (side: string): Measured => ({ value: median(series.of(side).map(of)), unit, digits });
  const known = 'name' in rival && series.of(rival.name).length > 0 ? rival.name : undefined;
  const note = series.failure(ours) ?? ('absent' in rival ? rival.absent : series.failure(rival.name));
  return {
    ours: measured(ours),
    rival: known === undefined ? undefined : { ...measured(known), who: known },
    note,
  };
}

function cellsOf({ rows, eventsPerSecond, cpuMicrosPerEvent, peakMiB, content }: Drained): readonly string[] {
  return [
    ...[count(rows), count(eventsPerSecond), cpuMicrosPerEvent.toFixed(1), peakMiB.toFixed(0)],
    content === undefined
      ? 'number of records'
      : `all read back: ${count(content.distinct)} different, ${content.outOfOrder} out of order`,
  ];
}
