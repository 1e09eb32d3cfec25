import { waitUntil } from '@convergekit/testing';
import { expect, test } from 'vitest';
import { emit, ownServer, setUp } from '../fixture/retention.ts';
import { closeAfterEach, heldCodes } from '../fixture/running.ts';
import { createTopic, topicName, untilDrained } from '../fixture/set-up.ts';

ownServer();
closeAfterEach();

test('a send to a topic that was deleted halts it with the command that makes it again with as many partitions', async () => {
  // No check of the topic finds it first.
  const { database, broker, start } = await setUp({ recheckMs: 20, verifyMs: 600_000 });
  const gone = await createTopic(broker, topicName(), 3);
  const service = await start();
  await emit(database, gone, 'g', 1);
  await untilDrained(database);
  const admin = await broker.admin();
  await admin.deleteTopic(gone);
  await emit(database, gone, 'g', 2);
  await waitUntil(() => heldCodes(service)[0] === 'TOPIC_UNKNOWN', { what: 'the halt' });
  const status = service.status();
  const [held] = status.state === 'leading' ? status.held : [];
  expect(held?.detail).toContain(`\`converge topics create ${gone} --partitions 3\``);
});
