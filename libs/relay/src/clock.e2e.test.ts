import { kafkaBroker } from '@convergekit/kafka';
import { seededRandom } from '@convergekit/core';
import { ProcessClock } from '@convergekit/testing/engine';
import { expect, inject, onTestFinished, test } from 'vitest';
import { checkLog, faultless, readLog } from './fixture/log-check.ts';
import { startRelay } from './fixture/relay-process.ts';
import { createTopic, relayDatabase, topicName, untilDrained } from './fixture/set-up.ts';
import { writeMixed } from './fixture/writers.ts';

const MINUTE_MS = 60_000;
const JUMPS = ['+1h', '-1h', '+400d', '-400d', '+0'];

// Planted fault: the earliest stamp by the clock of the process. 400 days ahead Kafka refuses each record, and its topic is
// halted; 400 days behind Kafka removes an event that waited for longer than its topic keeps records.
test.runIf(inject('full'))(
  'G1c: a relay whose wall clock jumps by an hour and by 400 days publishes each event once, stamped by the clock of the database, and keeps its lease',
  { tags: 'faketime' },
  async () => {
    const { brokers, databaseUrl } = inject('stack');
    const { url, database } = await relayDatabase(databaseUrl);
    const broker = kafkaBroker({ brokers: brokers.split(','), clientId: 'clock-check' });
    const topic = await createTopic(broker, topicName(), 2);
    const clock = new ProcessClock();
    const relay = startRelay({ DATABASE_URL: url, KAFKA_BROKERS: brokers, ...clock.env });
    onTestFinished(async () => {
      await relay.end();
      clock.close();
      await broker.close();
      await database.close();
    });
    await relay.says('leading');
    const startedAt = Date.now();
    for (const [seed, jump] of JUMPS.entries()) {
      clock.set(jump);
      await writeMixed({ database, random: seededRandom(seed), topic, events: 100, bulk: 20 });
      // In a batch of its own: a batch is moved by its latest record.
      await untilDrained(database);
      await database.executor.query(
        `insert into converge.outbox (event_id, topic, key, type, headers, payload, created_at)
         values (gen_random_uuid(), $1, 'waited', 'test.event', '{}', json_build_object('key', 'waited', 'n', $2::int)::text,
                 clock_timestamp() - interval '8 days')`,
        [topic, seed + 1],
      );
      await untilDrained(database);
    }
    const verdict = await checkLog(database.executor, topic, await readLog(broker, topic));
    expect(verdict).toMatchObject({ ...faultless, duplicates: 0 });
    const admin = await broker.admin();
    for (const { partition, earliest, latest } of await admin.logEnds(topic))
      for await (const { timestampMs } of admin.read(topic, partition, earliest, latest)) {
        expect(timestampMs).toBeGreaterThan(startedAt - 11 * MINUTE_MS);
        expect(timestampMs).toBeLessThan(Date.now() + MINUTE_MS);
      }
    await admin.close();
    const { rows } = await database.executor.query('select term::int from converge.lease');
    expect(rows).toEqual([{ term: 1 }]);
    // Both are so: the clocks differ, and the test makes events that have waited for eight days.
    const isSo = /clock_skewed|events_late/;
    const alarms = relay.lines.filter((line) => line.includes('"alarm"') && !isSo.test(line));
    expect(alarms).toEqual([]);
    expect(relay.child.exitCode).toBeNull();
  },
);
