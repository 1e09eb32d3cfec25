import { kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { expect, inject, test } from 'vitest';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import {
  closeAfterEach,
  closing,
  heldCodes,
  onClose,
  silent,
  started,
  withDatabase,
} from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

/**
 * Code that was removed once, and a test here failed: a halted topic does not fill the read-ahead (what it had queued is given back at the halt):
 * the other topic stands still.
 */

closeAfterEach();

test('a topic whose limit was lowered is halted naming the record, others flow for many read-aheads, and it resumes when the limit is raised', async () => {
  const { database } = await withDatabase();
  const brokers = inject('stack').brokers.split(',');
  const broker = closing(kafkaBroker({ brokers, clientId: 'relay-halted' }));
  const operator = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await operator.connect();
  onClose(() => operator.disconnect());
  const limit = (bytes: number) =>
    operator.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: ConfigResourceTypes.TOPIC,
          name: lowered,
          configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
        },
      ],
    });
  const [lowered, other] = [topicName(), topicName()];
  await createTopic(broker, lowered, 2);
  await createTopic(broker, other, 2);
  const reasons: string[] = [];
  const service = await started({
    database,
    broker,
    readAheadEvents: 400,
    pageRows: 200,
    recheckMs: 200,
    log: { ...silent, error: (_, text) => reasons.push(text) },
  });
  await writeMany(database, lowered, 300);
  await untilDrained(database);
  await limit(200);
  // The topics alternate, so that the halted topic would fill the read-ahead again and again.
  const only = (topic: string) =>
    database.executor.query('update ledger set n = 0').then(() => writeMany(database, topic, 300));
  await writeMany(database, lowered, 3_000);
  await waitUntil(() => heldCodes(service)[0] === 'MESSAGE_TOO_LARGE', { what: 'the halt' });
  expect(reasons.join()).toMatch(
    /MESSAGE_TOO_LARGE.*refused: event [0-9a-f-]{36}, id \d+, tick \d+, partition \d/,
  );
  const before = (await readLog(broker, lowered)).length;
  const { rows } = await database.executor.query<{ n: number }>('select max(n) as n from ledger');
  for (let round = 0; round < 8; round += 1) await only(other);
  await waitUntil(async () => (await readLog(broker, other)).length === 2_400, {
    what: 'the other topic to flow',
  });
  expect((await readLog(broker, lowered)).length).toBe(before);
  await database.executor.query('update ledger set n = $1', [rows[0]?.n]);
  await writeMany(database, lowered, 300);
  await limit(1_048_588);
  await waitUntil(() => heldCodes(service).length === 0, { what: 'the topic to flow again' });
  await untilDrained(database);
  expect(await checkLog(database.executor, lowered, await readLog(broker, lowered))).toMatchObject({
    ...faultless,
    events: 3_600,
  });
});
