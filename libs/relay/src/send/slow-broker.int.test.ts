import { BrokerError } from '@convergekit/broker';
import { memoryBroker } from '@convergekit/broker/testing';
import { expect, test } from 'vitest';
import { hookedBroker } from '../fixture/hooked-broker.ts';
import { checkLog, faultless, readLog } from '../fixture/log-check.ts';
import { closeAfterEach, closing, started, withDatabase } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

closeAfterEach();

// Planted fault: with one limit for all writes (`timedOut` does nothing) the events of the slow partition are never acknowledged.
test('G1c: a broker that answers the writes of a partition later than their first time limit is written to', async () => {
  const { database } = await withDatabase();
  const inner = closing(memoryBroker());
  const topic = await createTopic(inner, topicName(), 1);
  const limits: (number | undefined)[] = [];
  const late = new BrokerError('no answer in time', {
    code: 'TIMEOUT',
    kind: 'retry',
    certainty: 'unknown',
  });
  // This broker takes a second for a write, and applies also those whose caller waits no longer.
  const broker = hookedBroker(inner, {
    send: async (batches, write, _, timeoutMs) => {
      limits.push(timeoutMs);
      const results = await write(batches);
      if ((timeoutMs ?? 0) >= 1_000) return results;
      return results.map(({ topic: to, partition }) => ({ topic: to, partition, ok: false, error: late }));
    },
  });
  await started({ database, broker, leaseMs: 2_000, renewMs: 400, stopBeforeMs: 300 });
  await writeMany(database, topic, 300);
  await untilDrained(database);
  expect(limits.slice(0, 3)).toEqual([300, 600, 1_200]);
  const verdict = await checkLog(database.executor, topic, await readLog(inner, topic));
  expect(verdict).toMatchObject({ ...faultless, events: 300 });
});
