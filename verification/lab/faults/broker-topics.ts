import kafkajs from 'kafkajs';
import type { Injected } from '../types.ts';
import { TOPIC } from '../workloads/counted/events.ts';
import { followConsumers, followRelay, heldReason } from './advice.ts';
import { asking, type BrokerTargets, type Cluster, ofBroker, partitionsOf } from './cluster.ts';

/** A night adds no more partitions than these. */
const MOST_PARTITIONS = 9;

/** Settings that are not named fall back to those of the brokers. */
function configure(cluster: Cluster, settings: Readonly<Record<string, string>>): Promise<unknown> {
  const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: TOPIC, configEntries };
  return asking(cluster, (admin) => admin.alterConfigs({ validateOnly: false, resources: [resource] }));
}

/** Missets the topic until the relay halts it with these words. */
async function missetUntil(
  { nodes, counted }: BrokerTargets,
  settings: Readonly<Record<string, string>>,
  words: RegExp,
): Promise<Injected> {
  const repair = () => configure({ nodes }, {});
  try {
    await configure({ nodes }, settings);
    return { what: await heldReason(counted, words), repair };
  } catch (error) {
    await repair();
    throw error;
  }
}

export const partitionsAdded = ofBroker({
  name: 'brokers-partitions-added',
  about: 'the topic gets one more partition while events flow, and an operator accepts it',
  alarms: { topic_partitions_changed: /drill\.counted.*converge topics accept/ },
  inject: async ({ nodes, counted }) => {
    const before = (await partitionsOf({ nodes })).length;
    if (before >= MOST_PARTITIONS) return undefined;
    await asking({ nodes }, (admin) =>
      admin.createPartitions({ topicPartitions: [{ topic: TOPIC, count: before + 1 }] }),
    );
    await followRelay(counted, /PARTITION_COUNT_CHANGED/);
    return { what: `${before + 1} partitions` };
  },
});

export const offsetsDeleted = ofBroker({
  name: 'brokers-offsets-deleted',
  about: 'the offsets of a group are deleted while its consumer is stopped',
  inject: async ({ nodes, counted }) => {
    const [name = ''] = counted.consumers.keys();
    await counted.services.get(name)?.stop();
    await asking({ nodes }, (admin) => admin.deleteGroups([name]));
    await counted.startConsumer(name);
    return { what: name };
  },
});

export const topicMadeAgain = ofBroker({
  name: 'brokers-topic-made-again',
  about: 'the topic is deleted and created again, and an operator does what each halt advises',
  alarms: {
    topic_unknown: /drill\.counted.*converge topics create drill\.counted --partitions/,
    topic_recreated: /drill\.counted.*(converge topics accept|converge consumers resume)/,
    gap: /converge consumers fill .*--database/,
  },
  inject: async ({ nodes, counted }) => {
    await asking({ nodes }, (admin) => admin.deleteTopics({ topics: [TOPIC] }));
    await followRelay(counted, /TOPIC_UNKNOWN/);
    await followRelay(counted, /TOPIC_RECREATED/);
    const works = counted.live();
    await followConsumers(counted, async () => (await works()) === undefined);
    return { what: TOPIC };
  },
});

export const compacted = ofBroker({
  name: 'brokers-topic-compacted',
  about: 'cleanup.policy of the topic is misset to compact, until the relay halts it, and is set back',
  alarms: { topic_halted: /drill\.counted.*cleanup\.policy/ },
  inject: (targets) => missetUntil(targets, { 'cleanup.policy': 'compact' }, /TOPIC_COMPACTED/),
});

export const limitLowered = ofBroker({
  name: 'brokers-limit-lowered',
  about:
    'max.message.bytes of the topic is below the size of any event, until the relay halts it, and is set back',
  alarms: { topic_record_too_large: /drill\.counted.*max\.message\.bytes/ },
  inject: (targets) => missetUntil(targets, { 'max.message.bytes': '200' }, /MESSAGE_TOO_LARGE/),
});

export const brokerTopicFaults = [
  partitionsAdded,
  offsetsDeleted,
  topicMadeAgain,
  compacted,
  limitLowered,
] as const;
