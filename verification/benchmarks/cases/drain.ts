import type { Case, CaseResult, World } from '../case.ts';
import { compared, type Compared } from '../measure/compare.ts';
import { type Drained, drainOnce } from '../measure/drain-once.ts';
import { race, type Series } from '../measure/series.ts';
import { median } from '../measure/statistics.ts';
import type { Bar } from '../report/figure.ts';
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
    const { ours, debezium, others } = world.sides;
    const sides = [...ours, ...debezium, ...others];
    const { rounds, events } = world.settings;
    const series = await race<Side, Drained>({
      name: 'drain',
      sides,
      rounds,
      nameOf: ({ name }) => name,
      say: world.say,
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

const RATE = { read: (round: Drained): number => round.eventsPerSecond, unit: 'events/s' };
const CPU = { read: (round: Drained): number => round.cpuMicrosPerEvent, unit: 'µs/event', digits: 1 };
const MEMORY = { read: (round: Drained): number => round.peakMiB, unit: 'MiB' };

function resultOf({ sides: { ours, others, absent }, settings }: World, series: Series<Drained>): CaseResult {
  const first = ours[0].name;
  const rival = { rival: 'Debezium', absent };
  const what = `drain of ${count(settings.events)} events of 300 B`;
  const against = (
    name: string,
    quantity: Pick<Compared<Drained>, 'name' | 'bar' | 'read' | 'unit' | 'digits'>,
  ) => compared(series, { ...quantity, ...rival, ours: name });
  return {
    figures: [
      ...ours.map(({ name }, index) =>
        against(name, {
          name: `${what}, ${name}${index === 0 ? ', the default driver' : ''}`,
          bar: barOf(name, index),
          ...RATE,
        }),
      ),
      ...others.map((other) =>
        compared(series, {
          name: `the same, ${first}, against ${other.name}`,
          ours: first,
          rival: other.name,
          ...RATE,
        }),
      ),
      ...ours.map(({ name }) => against(name, { name: `CPU of the process in a drain, ${name}`, ...CPU })),
      ...ours.map(({ name }) =>
        against(name, { name: `most resident memory in a drain, ${name}`, ...MEMORY }),
      ),
    ],
    plots: [
      roundsPlot(
        { name: 'drain', title: 'Drain of a backlog', unit: 'events/s' },
        series.sides.map((label) => ({ label, values: series.of(label).map(RATE.read) })),
      ),
    ],
    rounds: table(
      ['side', 'round', 'rows', 'events/s', 'CPU µs/event', 'peak MiB', 'checked'],
      series.rows(cellsOf),
    ),
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
