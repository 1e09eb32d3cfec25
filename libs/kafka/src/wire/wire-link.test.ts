import { expect, it } from 'vitest';
import type { Cluster } from './cluster.ts';
import { OK, UNKNOWN_TOPIC } from './error-codes.ts';
import { decodeSubscription, encodeSubscription } from './group-requests.ts';
import { WireLink } from './wire-link.ts';

// Planted fault: an id of an answer that has none. A topic that the broker does not know for a moment halts its partitions.
it('a topic counts as created again by an answer that has its new id, and not by an error', async () => {
  let topic = { name: 'orders', topicId: 'a', errorCode: OK, partitions: [] };
  const cluster = {
    topic: () => Promise.resolve(topic),
    metadata: () => Promise.resolve(new Map([[topic.name, topic]])),
  } as unknown as Cluster;
  const link = new WireLink({ cluster, groupId: 'g', topics: ['orders'], sessionTimeoutMs: 10_000 });
  await link.connect();
  const refreshed = async (): Promise<readonly string[]> => {
    await link.refresh();
    return link.recreated();
  };
  topic = { ...topic, topicId: '', errorCode: UNKNOWN_TOPIC };
  expect(await refreshed()).toEqual([]);
  topic = { ...topic, topicId: 'b', errorCode: OK };
  expect([await refreshed(), await refreshed()]).toEqual([['orders'], []]);
});

// Planted fault: the leader of the group fails at the member, so no member of the group joins for as long as that one is there.
it('a member whose subscription cannot be read has no topics, and its group goes on', () => {
  expect(decodeSubscription(encodeSubscription(['orders']))).toEqual(['orders']);
  const hostile = Buffer.alloc(8);
  hostile.writeInt32BE(0x7fffffff, 2);
  hostile.writeInt16BE(-2, 6);
  for (const bytes of [hostile, Buffer.alloc(0), Buffer.from([0])])
    expect(decodeSubscription(bytes)).toEqual([]);
});

// Planted fault: both ends asked for at once. Records that arrive between the two answers look like an open transaction.
it('the end before open transactions is never older than the end of the log that it is compared with', async () => {
  let appended = 0n;
  const leader = { call: () => Promise.resolve(new Map([[0, (appended += 1n)]])) };
  const cluster = { leader: () => Promise.resolve(leader) } as unknown as Cluster;
  const link = new WireLink({ cluster, groupId: 'g', topics: ['orders'], sessionTimeoutMs: 10_000 });
  const { end, stable } = await link.ends({ topic: 'orders', partition: 0 });
  expect(stable).toBeGreaterThanOrEqual(end);
});
