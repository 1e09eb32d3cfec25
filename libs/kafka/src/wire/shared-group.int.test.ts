import { Consumer, MessagesStreamModes, stringDeserializers } from '@platformatic/kafka';
import { waitUntil } from '@convergekit/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { drivers } from '../fixture/drivers.ts';

const brokers = inject('stack').brokers.split(',');

// Planted fault: a link that takes an assignment without a leader as any other one. The partition of the other client waits,
// and nothing says so.
it('a consumer reports a client of the newer group protocol that takes partitions of its group, and handles all when it has left', async () => {
  const lines: string[] = [];
  const connect = drivers[0]![1];
  const group = `shared-${crypto.randomUUID()}`;
  const broker = connect({
    brokers,
    clientId: 'shared-group',
    log: (level, message) => void lines.push(`${level} ${message}`),
  });
  onTestFinished(() => broker.close());
  const admin = await broker.admin();
  await admin.createTopic({ name: group, partitions: 2 });
  let assigned = 0;
  const consumer = broker.consumer({
    groupId: group,
    topics: [group],
    heartbeatIntervalMs: 100,
    handlers: {
      assigned: (partitions) => {
        assigned = partitions.length;
        return Promise.resolve(new Map());
      },
      batch: () => Promise.resolve(),
      revoked: () => undefined,
    },
  });
  await consumer.start();
  await waitUntil(() => assigned === 2, { what: 'both partitions' });
  expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
  const other = new Consumer({
    bootstrapBrokers: brokers,
    clientId: 'other',
    groupId: group,
    groupProtocol: 'consumer',
    deserializers: stringDeserializers,
  });
  const stream = await other.consume({ topics: [group], mode: MessagesStreamModes.EARLIEST });
  await waitUntil(() => assigned === 1, { what: 'the other client to have a partition' });
  expect(lines).toContainEqual(
    expect.stringMatching(
      new RegExp(`^error another client is a member of group ${group}.*--members --group`),
    ),
  );
  await stream.close();
  await other.close(true);
  await waitUntil(() => assigned === 2, { what: 'both partitions again' });
  await consumer.stop();
});
