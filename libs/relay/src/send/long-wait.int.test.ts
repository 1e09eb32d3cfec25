import { memoryBroker } from '@convergekit/broker/testing';
import { WIRE } from '@convergekit/contracts/engine';
import { expect, test } from 'vitest';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';

closeAfterEach();

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

// Planted faults: a send without `stampedFrom` (Kafka then removes all ten within its next check of retention); stamps of up to 50
// minutes before the send, though docs/guides/retention.md says ten.
test('G1c: an event that waited for longer than the retention of its topic is no old record in the log, and keeps its time', async () => {
  const { database } = await withDatabase();
  const broker = closing(memoryBroker());
  const topic = await createTopic(broker, topicName(), 1);
  const emit = `select converge.emit($1, 'k', 'test.event', '{}') from generate_series(1, 10)`;
  await database.executor.query(emit, [topic]);
  await database.executor.query(`update converge.outbox set created_at = created_at - interval '8 days'`);
  const startedAt = Date.now();
  await started({ database, broker });
  await untilDrained(database);
  const admin = await broker.admin();
  let records = 0;
  for await (const { headers, timestampMs } of admin.read(topic, 0, 0n, 100n)) {
    records += 1;
    const time = headers.find(([name]) => name === WIRE.time)?.[1];
    expect(Date.parse(String(time))).toBeLessThan(Date.now() - 7 * DAY_MS);
    expect(timestampMs).toBeGreaterThanOrEqual(startedAt - 10 * MINUTE_MS);
  }
  expect(records).toBe(10);
});
