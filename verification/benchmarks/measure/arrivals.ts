import { systemClock } from '@convergekit/core';
import { Kafka, logLevel } from 'kafkajs';
import type { Commits } from './load.ts';

export interface Arrivals {
  /** Waits until every committed event has arrived; returns the times from commit to arrival, in order. */
  latencies(commits: Commits, deadlineMs: number): Promise<number[]>;
  close(): Promise<void>;
}

/** A plain kafkajs consumer in this process, so that one clock measures commit and arrival. */
export async function watchArrivals(brokers: string, topics: readonly string[]): Promise<Arrivals> {
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
    latencies: async (commits, deadlineMs) => {
      const end = systemClock.monotonic() + deadlineMs;
      const missing = (): number => [...commits.keys()].filter((key) => !arrived.has(key)).length;
      while (missing() > 0) {
        if (systemClock.monotonic() > end)
          throw new Error(`${missing()} of ${commits.size} events did not arrive`);
        await systemClock.sleep(20);
      }
      // An event may arrive before its COMMIT has returned to the writer.
      return [...commits].map(([key, at]) => Math.max(0, (arrived.get(key) ?? Number.NaN) - at));
    },
    close: () => consumer.disconnect(),
  };
}
