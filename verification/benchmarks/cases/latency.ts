import { systemClock } from '@convergekit/core';
import { waitUntil } from '@convergekit/testing';
import { Kafka, logLevel } from 'kafkajs';
import type { Case, World } from '../case.ts';
import { type Latencies, latenciesOf, latencyCells, latencyFigures } from '../measure/compare.ts';
import { placeOf } from '../measure/drain-once.ts';
import { type Commits, writeAtRate } from '../measure/load.ts';
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
    const { absent, debezium } = world.sides;
    const [ours] = world.sides.ours;
    const opened = new Map<Side, Source>();
    for (const side of [ours, ...debezium]) opened.set(side, await side.open(placeOf(world)));
    const topics = [...opened.values()].map(({ log }) => log.topic);
    const arrivals = await watchArrivals(world.stack.brokers, topics);
    try {
      for (const source of opened.values()) source.start();
      const series = await measure(world, opened, arrivals.latencies);
      const { rate } = world.settings;
      const bar = { kind: 'at most', ratio: 1, aim: 1 / 3 } as const;
      return {
        figures: latencyFigures(series, {
          name: `commit→consumer at ${rate} tx/s`,
          bars: { p50: bar, p99: bar },
          absent,
          ours: ours.name,
          rival: 'Debezium',
          spreadOf: ours.name,
        }),
        plots: [
          sharesPlot(
            {
              name: 'latency',
              title: 'Commit to consumer',
              xLabel: 'milliseconds after COMMIT returned',
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
  arrived: (commits: Commits) => Promise<number[]>,
): Promise<Series<Latencies>> {
  const { rate, seconds, tailRounds: rounds } = settings;
  return race<readonly [Side, Source], Latencies>({
    name: 'latency',
    sides: [...opened],
    nameOf: ([{ name }]) => name,
    rounds,
    warmUp: true,
    say,
    measure: async ([{ name }, source], round) => {
      const events = rate * (round === 0 ? Math.min(WARM_UP_SECONDS, 2 * seconds) : seconds);
      const keyPrefix = `${name}-${round}`;
      const commits = await writeAtRate(source, { ratePerSecond: rate, events, keyPrefix });
      return latenciesOf((await arrived(commits)).slice(rate));
    },
    line: ({ p50, p99 }) => `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
  });
}

/** Starts a plain kafkajs consumer in this process, so that one clock measures commit and arrival. */
async function watchArrivals(brokers: string, topics: readonly string[]) {
  const arrived = new Map<string, number>();
  const client = new Kafka({ brokers: brokers.split(','), clientId: 'bench', logLevel: logLevel.NOTHING });
  const consumer = client.consumer({ groupId: `bench-${topics.join('-')}`, maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topics: [...topics], fromBeginning: true });
  await consumer.run({
    partitionsConsumedConcurrently: 6,
    eachMessage: ({ message }) => {
      const key = message.key?.toString() ?? '';
      if (!arrived.has(key)) arrived.set(key, systemClock.monotonic());
      return Promise.resolve();
    },
  });
  return {
    /** Waits until every committed event has arrived; returns the times from commit to arrival, in order. */
    latencies: async (commits: Commits): Promise<number[]> => {
      const all = (): boolean => [...commits.keys()].every((key) => arrived.has(key));
      await waitUntil(all, { what: `${commits.size} events to arrive`, deadlineMs: 30_000 });
      // An event may arrive before its COMMIT has returned to the writer.
      return [...commits].map(([key, at]) => Math.max(0, (arrived.get(key) ?? Number.NaN) - at));
    },
    close: () => consumer.disconnect(),
  };
}
