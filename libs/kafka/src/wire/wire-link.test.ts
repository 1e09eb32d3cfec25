import { expect, it } from 'vitest';
import type { Cluster } from './cluster.ts';
import { OK, UNKNOWN_TOPIC } from './error-codes.ts';
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
