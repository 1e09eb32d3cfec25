import { kafkaBroker } from '@convergekit/kafka';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, test } from 'vitest';
import { closeAfterEach, closing, heldCodes, started, withDatabase } from '../fixture/running.ts';
import { inspectSource } from '../rebase/inspect.ts';
import { createTopic, topicName, untilDrained, writeMany } from '../fixture/set-up.ts';

closeAfterEach();

test('a send to a topic that was deleted halts it, and halt and comparison name the command that makes it again with as many partitions', async () => {
  const { database } = await withDatabase();
  const brokers = inject('stack').brokers.split(',');
  const broker = closing(kafkaBroker({ brokers, clientId: 'relay-deleted' }));
  const gone = await createTopic(broker, topicName(), 3);
  // No check of the topic finds it first.
  const service = await started({ database, broker, verifyMs: 600_000 });
  await writeMany(database, gone, 300);
  await untilDrained(database);
  const admin = await broker.admin();
  await admin.deleteTopic(gone);
  await writeMany(database, gone, 300);
  await waitUntil(() => heldCodes(service)[0] === 'TOPIC_UNKNOWN', { what: 'the halt' });
  const status = service.status();
  const [held] = status.state === 'leading' ? status.held : [];
  const command = `\`converge topics create ${gone} --partitions 3\``;
  expect(held?.detail).toContain(command);
  const { comparison } = await inspectSource(database.executor, broker);
  const unread = comparison.kind === 'compared' ? comparison.result.unread : [];
  expect(unread).toMatchObject([{ topic: gone, code: 'TOPIC_UNKNOWN' }]);
  expect(unread[0]?.why).toContain(command);
});
