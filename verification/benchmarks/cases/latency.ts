import { type Case, debeziumOf, type World } from '../case.ts';
import { type Arrivals, watchArrivals } from '../measure/arrivals.ts';
import { placeOf } from '../measure/drain-once.ts';
import { type Latencies, latenciesOf, latencyCells, latencyFigures } from '../measure/latencies.ts';
import { writeAtRate } from '../measure/load.ts';
import { race, type Series } from '../measure/series.ts';
import { table } from '../report/markdown.ts';
import { sharesPlot } from '../report/plots.ts';
import type { Side, Source } from '../sides/side.ts';

/** Seconds of load before the first round, which are not counted: the JVM needs some. */
const WARM_UP_SECONDS = 10;

/** The time from the writer's COMMIT until a consumer has the event. */
export const latencyCase: Case = {
  name: 'latency',
  title: 'Commit to consumer',
  async run(world) {
    const [ours] = world.sides.ours;
    const debezium = debeziumOf(world);
    const opened = new Map<Side, Source>();
    for (const side of [ours, ...(debezium === undefined ? [] : [debezium])])
      opened.set(side, await side.open(placeOf(world)));
    const topics = [...opened.values()].map(({ log }) => log.topic);
    const arrivals = await watchArrivals(world.stack.brokers, topics);
    try {
      for (const source of opened.values()) source.start();
      const series = await measure(world, opened, arrivals);
      const { rate } = world.settings;
      const { absent } = 'absent' in world.sides.debezium ? world.sides.debezium : {};
      const bar = { kind: 'at most', ratio: 1, aim: 1 / 3 } as const;
      return {
        figures: latencyFigures(series, {
          ...{ name: `commit→consumer at ${rate} tx/s`, bars: { p50: bar, p99: bar }, absent },
          ...{ ours: ours.name, rival: 'Debezium', spreadOf: ours.name },
        }),
        plots: [
          sharesPlot(
            {
              ...{
                name: 'latency',
                title: 'Commit to consumer',
                xLabel: 'milliseconds after COMMIT returned',
              },
              what: `Commit to consumer at ${rate} transactions/s: share of events that have arrived`,
            },
            series.sides.map((label) => ({
              label,
              values: series.of(label).flatMap(({ sample }) => sample),
            })),
          ),
        ],
        rounds: table(['side', 'round', 'events', 'p50 ms', 'p99 ms', 'max ms'], series.rows(latencyCells)),
      };
    } finally {
      await arrivals.close();
      for (const source of opened.values()) await source.remove();
    }
  },
};

function measure(
  { settings, say }: World,
  opened: ReadonlyMap<Side, Source>,
  arrivals: Arrivals,
): Promise<Series<Latencies>> {
  const { rate, seconds, tailRounds: rounds } = settings;
  return race<readonly [Side, Source], Latencies>({
    ...{ name: 'latency', sides: [...opened], nameOf: ([{ name }]) => name, rounds, warmUp: true, say },
    measure: async ([{ name }, source], round) => {
      const events = rate * (round === 0 ? Math.min(WARM_UP_SECONDS, 2 * seconds) : seconds);
      const keyPrefix = `${name}-${round}`;
      const commits = await writeAtRate(source, { ratePerSecond: rate, events, keyPrefix });
      return latenciesOf((await arrivals.latencies(commits, 30_000)).slice(rate));
    },
    line: ({ p50, p99 }) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
  });
}
