import { systemClock } from '@converge/runtime';
import { freshTopic } from '@converge/testing';
import { Kafka, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import { startRelay } from './relay-child.ts';
import { quantile } from './statistics.ts';

export interface LatencyResult {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly events: number;
}

/**
 * Commit → consumer: an open-loop writer commits `ratePerSecond` transactions of one event each; a plain kafkajs consumer in the
 * same process (so the same clock) notes when each arrives. Latency runs from the moment that COMMIT returned to the
 * writer until `eachMessage` is called. The first two seconds are left out.
 */
export async function latency(
  databaseUrl: string,
  brokers: string,
  ratePerSecond: number,
  seconds: number,
): Promise<LatencyResult> {
  const topic = await freshTopic(brokers, { partitions: 6 });
  const committedAt = new Map<string, number>();
  const arrivedAt = new Map<string, number>();
  const consumer = new Kafka({
    brokers: brokers.split(','),
    clientId: 'bench',
    logLevel: logLevel.NOTHING,
  }).consumer({
    groupId: topic,
    maxWaitTimeInMs: 100,
  });
  const relay = startRelay(databaseUrl, brokers);
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachMessage: ({ message }) => {
        arrivedAt.set(message.key?.toString() ?? '', systemClock.monotonic());
        return Promise.resolve();
      },
    });
    await write(databaseUrl, topic, ratePerSecond, seconds, committedAt);
    const end = systemClock.monotonic() + 20_000;
    while (arrivedAt.size < committedAt.size && systemClock.monotonic() < end) await systemClock.sleep(20);
  } finally {
    await relay.stop();
    await consumer.disconnect();
  }
  if (arrivedAt.size < committedAt.size)
    throw new Error(`${committedAt.size - arrivedAt.size} events did not arrive`);
  const sample = [...committedAt]
    .slice(2 * ratePerSecond)
    .map(([key, at]) => Math.max(0, (arrivedAt.get(key) ?? Number.NaN) - at));
  return { p50Ms: quantile(sample, 0.5), p99Ms: quantile(sample, 0.99), events: sample.length };
}

async function write(
  databaseUrl: string,
  topic: string,
  ratePerSecond: number,
  seconds: number,
  committedAt: Map<string, number>,
): Promise<void> {
  const pool = new Pool({ connectionString: databaseUrl, max: 8 });
  const start = systemClock.monotonic();
  const inFlight: Promise<void>[] = [];
  try {
    for (let n = 0; n < ratePerSecond * seconds; n += 1) {
      const wait = start + (n * 1000) / ratePerSecond - systemClock.monotonic();
      if (wait > 0) await systemClock.sleep(wait);
      const key = `k-${n}`;
      inFlight.push(
        pool
          .query('select converge.emit($1, $2, $3, $4)', [
            topic,
            key,
            'bench.event',
            `{"n":${n},"filler":"${'x'.repeat(270)}"}`,
          ])
          .then(() => void committedAt.set(key, systemClock.monotonic())),
      );
    }
    await Promise.all(inFlight);
  } finally {
    await pool.end();
  }
}
