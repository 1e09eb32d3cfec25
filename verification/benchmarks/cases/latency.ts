import { type Case, type CaseResult, debeziumOf, type World } from '../case.ts';
import { watchArrivals } from '../measure/arrivals.ts';
import { placeOf } from '../measure/drain-once.ts';
import { writeAtRate } from '../measure/load.ts';
import { Series } from '../measure/series.ts';
import { median, quantile, spread } from '../measure/statistics.ts';
import type { Figure } from '../report/figure.ts';
import { table } from '../report/markdown.ts';
import { cumulative, linePlot } from '../report/svg.ts';
import type { Side, Source } from '../sides/side.ts';
import { inTurn } from './drain.ts';

interface Round {
  readonly p50: number;
  readonly p99: number;
  readonly sample: readonly number[];
}

/** Seconds of load before the first round, which are not counted: the JVM needs some. */
const WARM_UP_SECONDS = 10;

/** The time from the writer's COMMIT until a consumer has the event. */
export const latencyCase: Case = {
  name: 'latency',
  title: 'Commit to consumer',
  async run(world) {
    const debezium = debeziumOf(world);
    const sides = [world.sides.ours[0], ...(debezium === undefined ? [] : [debezium])];
    const series = new Series<Round>();
    const opened = new Map<Side, Source>();
    for (const side of sides) opened.set(side, await side.open(placeOf(world)));
    const arrivals = await watchArrivals(
      world.stack.brokers,
      [...opened.values()].map(({ log }) => log.topic),
    );
    try {
      for (const source of opened.values()) source.start();
      await measure(world, opened, arrivals, series);
      return resultOf(world, sides, series);
    } finally {
      await arrivals.close();
      for (const source of opened.values()) await source.remove();
    }
  },
};

async function measure(
  { settings, say }: World,
  opened: ReadonlyMap<Side, Source>,
  arrivals: Awaited<ReturnType<typeof watchArrivals>>,
  series: Series<Round>,
): Promise<void> {
  const { rate, seconds, tailRounds } = settings;
  for (let round = 0; round <= tailRounds; round += 1)
    for (const [side, source] of inTurn([...opened], round + 1)) {
      const warmUp = round === 0;
      const events = rate * (warmUp ? Math.min(WARM_UP_SECONDS, 2 * seconds) : seconds);
      const keyPrefix = `${side.name}-${round}`;
      const measureOne = async (): Promise<Round> => {
        const commits = await writeAtRate(source, { ratePerSecond: rate, events, keyPrefix });
        const sample = (await arrivals.latencies(commits, 30_000)).slice(rate);
        return { p50: quantile(sample, 0.5), p99: quantile(sample, 0.99), sample };
      };
      if (warmUp) {
        await new Series<Round>().round(side.name, measureOne);
        continue;
      }
      const measured = await series.round(side.name, measureOne);
      say(
        measured === undefined
          ? `latency, round ${round}: ${side.name} failed: ${series.failure(side.name) ?? ''}`
          : `latency, round ${round}: ${side.name} p50 ${measured.p50.toFixed(1)} ms, p99 ${measured.p99.toFixed(1)} ms`,
      );
    }
}

function resultOf(world: World, sides: readonly Side[], series: Series<Round>): CaseResult {
  const [ours] = sides;
  const { debezium } = world.sides;
  const whyNot = 'absent' in debezium ? debezium.absent : series.failure(debezium.name);
  const figures = (['p50', 'p99'] as const).map((which): Figure => {
    const rounds = (side: string): number[] => series.of(side).map((round) => round[which]);
    const own = rounds(ours?.name ?? '');
    const note = series.failure(ours?.name ?? '') ?? whyNot;
    return {
      name: `commit→consumer at ${world.settings.rate} tx/s, ${which}`,
      bar: { kind: 'at most', ratio: 1, aim: 1 / 3 },
      ours: { value: median(own), unit: 'ms', digits: 1 },
      rival:
        whyNot === undefined
          ? { value: median(rounds('Debezium')), unit: 'ms', digits: 1, who: 'Debezium' }
          : undefined,
      spread: spread(own),
      ...(note === undefined ? {} : { note }),
    };
  });
  const samples = sides.map(({ name }) => ({ name, all: series.of(name).flatMap(({ sample }) => sample) }));
  const rows = sides.flatMap(({ name }) =>
    series
      .of(name)
      .map(({ p50, p99, sample }, index) => [
        name,
        String(index + 1),
        String(sample.length),
        p50.toFixed(2),
        p99.toFixed(2),
        Math.max(...sample).toFixed(1),
      ]),
  );
  return {
    figures,
    plots: [
      {
        name: 'latency',
        title: 'Commit to consumer',
        svg: linePlot({
          title: `Commit to consumer at ${world.settings.rate} transactions/s: share of events that have arrived`,
          xLabel: 'milliseconds after COMMIT returned',
          yLabel: 'share',
          series: samples.map(({ name, all }) => ({ label: name, points: cumulative(all) })),
          xMax: 2 * Math.max(...samples.map(({ all }) => quantile(all, 0.95)).filter(Number.isFinite)),
        }),
      },
    ],
    rounds: table(['side', 'round', 'events', 'p50 ms', 'p99 ms', 'max ms'], rows),
    method: METHOD,
  };
}

const METHOD = `An open-loop writer commits transactions of one event each, every event with a key of its own; a plain kafkajs consumer in the same
process notes when each arrives (\`maxWaitTimeInMs\` 100). Latency runs from the moment COMMIT returned to the writer; 0 when the event
was there before. Both sides run all the time and are loaded in turn; the first second of a round and a round to warm up are left out. The
figure is the median of the rounds' quantiles. A/A is the factor between our own odd and even rounds.`;
