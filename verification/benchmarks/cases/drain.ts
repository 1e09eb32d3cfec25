import { type Case, type CaseResult, debeziumOf, type World } from '../case.ts';
import { type Drained, drainOnce } from '../measure/drain-once.ts';
import { Series } from '../measure/series.ts';
import { median, summarize } from '../measure/statistics.ts';
import type { Bar, Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { barPlot } from '../report/svg.ts';
import type { Side } from '../sides/side.ts';

const DRIVER_BARS: readonly Bar[] = [{ kind: 'at least', ratio: 3, aim: 4 }];
const KAFKAJS_BAR: Bar = { kind: 'at least', ratio: 0.9 };

/** How fast a backlog drains, on every side. */
export const drainCase: Case = {
  name: 'drain',
  title: 'Drain of a backlog',
  async run(world) {
    const series = new Series<Drained>();
    const debezium = debeziumOf(world);
    const sides = [...world.sides.ours, ...(debezium === undefined ? [] : [debezium]), ...world.sides.others];
    for (let round = 1; round <= world.settings.rounds; round += 1)
      for (const side of inTurn(sides, round)) await oneRound(world, series, side, round);
    const peaks = series.of('Debezium').map(({ peakMiB }) => peakMiB);
    if (peaks.length > 0) world.learnt.debeziumPeakMiB = median(peaks);
    return resultOf(world, sides, series);
  },
};

/** Each round begins with another side: whoever comes first after a pause has an advantage. */
export function inTurn<T>(sides: readonly T[], round: number): T[] {
  const first = (round - 1) % Math.max(1, sides.length);
  return [...sides.slice(first), ...sides.slice(0, first)];
}

async function oneRound(world: World, series: Series<Drained>, side: Side, round: number): Promise<void> {
  const rows = Math.min(world.settings.events, side.mostRows);
  const drained = await series.round(side.name, () => drainOnce(world, side, { rows, verify: round === 1 }));
  const failure = series.failure(side.name);
  if (drained !== undefined)
    world.say(
      `drain, round ${round}: ${side.name} ${drained.eventsPerSecond.toFixed(0)} events/s, ${drained.cpuMicrosPerEvent.toFixed(1)} µs/event, ${drained.peakMiB.toFixed(0)} MiB`,
    );
  else if (failure !== undefined) world.say(`drain, round ${round}: ${side.name} failed: ${failure}`);
}

function resultOf(world: World, sides: readonly Side[], series: Series<Drained>): CaseResult {
  const rate = (side: string): number => median(series.of(side).map((round) => round.eventsPerSecond));
  const { debezium } = world.sides;
  const whyNot = 'absent' in debezium ? debezium.absent : series.failure(debezium.name);
  const figures = world.sides.ours.map(({ name }, index): Figure => {
    const failure = series.failure(name) ?? whyNot;
    return {
      name: `drain of ${world.settings.events.toLocaleString('en-US')} events of 300 B, ${name}`,
      bar: name.includes('kafkajs') ? KAFKAJS_BAR : (DRIVER_BARS[index] ?? { kind: 'report' }),
      ours: { value: rate(name), unit: 'events/s' },
      rival:
        whyNot === undefined ? { value: rate('Debezium'), unit: 'events/s', who: 'Debezium' } : undefined,
      ...(failure === undefined ? {} : { note: failure }),
    };
  });
  const [first] = world.sides.ours;
  const cpu = (side: string): number => median(series.of(side).map((round) => round.cpuMicrosPerEvent));
  return {
    figures: [
      ...figures,
      ...world.sides.others.map((other) => against(first.name, other, rate, series.failure(other.name))),
      {
        name: `CPU of the process in a drain, ${first.name}`,
        bar: { kind: 'report' },
        ours: { value: cpu(first.name), unit: 'µs/event', digits: 1 },
        rival:
          whyNot === undefined
            ? { value: cpu('Debezium'), unit: 'µs/event', digits: 1, who: 'Debezium' }
            : undefined,
      },
    ],
    plots: [{ name: 'drain', title: 'Drain of a backlog', svg: plot(sides, series) }],
    rounds: roundsTable(sides, series),
    method: METHOD,
  };
}

function against(
  ours: string,
  other: Side,
  rate: (side: string) => number,
  failure: string | undefined,
): Figure {
  return {
    name: `the same, ${ours}, against ${other.name}`,
    bar: { kind: 'report' },
    ours: { value: rate(ours), unit: 'events/s' },
    rival: failure === undefined ? { value: rate(other.name), unit: 'events/s', who: other.name } : undefined,
    ...(failure === undefined ? {} : { note: failure }),
  };
}

function plot(sides: readonly Side[], series: Series<Drained>): string {
  const bars = sides.map(({ name }, index) => {
    const { min, median: value, max } = summarize(series.of(name).map((round) => round.eventsPerSecond));
    return { label: name, value, low: min, high: max, colour: index };
  });
  return barPlot({ title: 'Drain of a backlog: median, lowest and highest round', unit: 'events/s', bars });
}

function roundsTable(sides: readonly Side[], series: Series<Drained>): string {
  const rows = sides.flatMap(({ name }) =>
    series
      .of(name)
      .map((round, index) => [
        name,
        String(index + 1),
        round.rows.toLocaleString('en-US'),
        Math.round(round.eventsPerSecond).toLocaleString('en-US'),
        round.cpuMicrosPerEvent.toFixed(1),
        round.peakMiB.toFixed(0),
        round.content === undefined
          ? 'number of records'
          : `all read back: ${round.content.distinct.toLocaleString('en-US')} different, ${round.content.outOfOrder} out of order`,
      ]),
  );
  return table(['side', 'round', 'rows', 'events/s', 'CPU µs/event', 'peak MiB', 'checked'], rows);
}

const METHOD = `The rows are written (transactions of 1,000, over 1,000 keys, six partitions), vacuumed and checkpointed before the
side's process starts; each side has a database, a table of its own shape and a topic of its own, made for the round and removed after it.
The clock runs from the 20th to the last hundredth of the backlog, read from the ends of the topic's partitions every 20 ms: start-up and
the warm-up of V8 and of the JVM are not counted, for anyone. CPU is user + system of the side's own process in that time; memory is the
most that was resident (VmHWM). After each round the topic must hold as many records as there were rows; in the first round all are read
back and compared. Sides take turns, and each round begins with another one.`;
