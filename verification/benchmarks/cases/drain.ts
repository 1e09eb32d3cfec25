import { type Case, type CaseResult, debeziumOf, type World } from '../case.ts';
import { type Drained, drainOnce } from '../measure/drain-once.ts';
import { Series } from '../measure/series.ts';
import { median, summarize } from '../measure/statistics.ts';
import type { Bar, Figure, Measured } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { barPlot } from '../report/svg.ts';
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

/** Rotates the sides: the first side after a pause has an advantage, so each round begins with another. */
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
  const { debezium, ours, others } = world.sides;
  const [first] = ours;
  const rival = 'absent' in debezium ? debezium : { name: debezium.name };
  const events = world.settings.events.toLocaleString('en-US');
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
    plots: [{ name: 'drain', title: 'Drain of a backlog', svg: plot(sides, series) }],
    rounds: roundsTable(sides, series),
    method: METHOD,
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
    bar: { kind: 'report' },
    ours: measured(ours),
    rival: known === undefined ? undefined : { ...measured(known), who: known },
    ...(note === undefined ? {} : { note }),
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

const METHOD = `Rows carry 298 bytes of payload and, each its own, an event id, a correlation id and a W3C trace context. Ours are written by the kit's
own emit (\`outbox.transaction\` in a traced request, 50 events a transaction); the peers' by SQL in transactions of 1,000, with the same payloads.
Debezium's table has a column for each header that an emit stores (type, schema, content type, correlation id, trace context), which its router puts into headers, beside
the id. What differs: the relay also writes source, time, subject, position and predecessor (six headers and 250 bytes a record more than Debezium's), and
pg-transactional-outbox writes no headers but its own. The rows (over 1,000 keys, six partitions) are vacuumed and checkpointed before the side's process starts; each side has a database, a table of its own shape and a topic of its own, made for the round and removed after it.
The clock runs from the 20th to the last hundredth of the backlog, read from the ends of the topic's partitions every 20 ms: start-up and
the warm-up of V8 and of the JVM are not counted, for anyone. CPU is user + system of the side's own process in that time; memory is the
most that was resident (VmHWM). After each round the topic must hold as many records as there were rows; in the first round all are read
back and compared. Sides take turns, and each round begins with another one.`;
