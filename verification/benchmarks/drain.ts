import { kafkajsBroker } from '@converge/kafka';
import { systemClock } from '@converge/runtime';
import { freshTopic } from '@converge/testing';
import { Client } from 'pg';
import { startRelay } from './relay-child.ts';

export interface DrainResult {
  readonly eventsPerSecond: number;
  /** Relay process, user + system. */
  readonly cpuMicrosPerEvent: number;
  readonly residentMiB: number;
}

/**
 * How fast a backlog drains: `events` rows of 300 B payload, written in transactions of 1,000 rows over 1,000 keys, are
 * there before the relay starts. Measured from outside, from the first record in the log to the last, by the ends of
 * the topic's six partitions; so start-up and takeover are not counted, and rivals can be measured the same way.
 */
export async function drain(databaseUrl: string, brokers: string, events: number): Promise<DrainResult> {
  const topic = await freshTopic(brokers, { partitions: 6 });
  await writeBacklog(databaseUrl, topic, events);
  const broker = kafkajsBroker({ brokers: brokers.split(','), clientId: 'bench' });
  const admin = await broker.admin();
  const inLog = async (): Promise<number> =>
    (await admin.logEnds(topic)).reduce((sum, ends) => sum + Number(ends.latest - ends.earliest), 0);
  const relay = startRelay(databaseUrl, brokers);
  try {
    const before = await until(inLog, (count) => count > 0);
    const cpuBefore = relay.cpuSeconds();
    const after = await until(inLog, (count) => count >= events);
    const drained = after.count - before.count;
    return {
      eventsPerSecond: (drained / (after.atMs - before.atMs)) * 1000,
      cpuMicrosPerEvent: ((relay.cpuSeconds() - cpuBefore) / drained) * 1e6,
      residentMiB: relay.residentMiB(),
    };
  } finally {
    await relay.stop();
    await broker.close();
  }
}

async function until(
  read: () => Promise<number>,
  enough: (count: number) => boolean,
): Promise<{ count: number; atMs: number }> {
  const end = systemClock.monotonic() + 180_000;
  for (;;) {
    const count = await read();
    const atMs = systemClock.monotonic();
    if (enough(count)) return { count, atMs };
    if (atMs > end) throw new Error(`only ${count} events reached the topic in 180 s`);
    await systemClock.sleep(5);
  }
}

async function writeBacklog(databaseUrl: string, topic: string, events: number): Promise<void> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    for (let from = 0; from < events; from += 1000) {
      await client.query(
        `insert into converge.outbox (event_id, topic, key, type, headers, payload)
         select gen_random_uuid(), $1, 'key-' || (n % 1000), 'bench.event', '{"content-type":"application/json"}',
                '{"n":' || n || ',"filler":"' || repeat('x', 280 - length(n::text)) || '"}'
         from generate_series($2::int, $3::int) n`,
        [topic, from, Math.min(from + 1000, events) - 1],
      );
    }
    await client.query('vacuum analyze converge.outbox');
  } finally {
    await client.end();
  }
}
