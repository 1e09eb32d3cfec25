import kafkajs from 'kafkajs';
import { javaTools, type EmbeddedServer } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { type Fault, fault, type Injected, type Targets } from '../types.ts';
import type { Expected } from '../workloads/counted/alarm-record.ts';
import { TOPIC } from '../workloads/counted/events.ts';

export type Cluster = Pick<Targets, 'nodes'>;
export const addressOf = ({ nodes }: Cluster): string => nodes.map(({ address }) => address).join();

/** Asks the brokers by a client that shares no code with the kit. */
export async function asking<T>(cluster: Cluster, ask: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const brokers = addressOf(cluster).split(',');
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}

export async function partitionsOf(cluster: Cluster): Promise<readonly kafkajs.PartitionMetadata[]> {
  const { topics } = await asking(cluster, (admin) => admin.fetchTopicMetadata({ topics: [TOPIC] }));
  return topics[0]?.partitions ?? [];
}

export function nodeOf({ nodes }: Cluster, id: number | undefined): EmbeddedServer {
  const node = nodes[(id ?? 0) - 1];
  if (node === undefined) throw new Error(`there is no broker ${id ?? '?'}`);
  return node;
}

/** The leader of the first partition of the workload's topic. */
export async function leaderOf(cluster: Cluster): Promise<EmbeddedServer> {
  const [first] = await partitionsOf(cluster);
  return nodeOf(cluster, first?.leader);
}

/** The active controller, as Kafka's own tool names it. */
export async function controllerOf(cluster: Cluster): Promise<EmbeddedServer> {
  let id: number | undefined;
  const onLine = (line: string): void => {
    const [, found] = /^LeaderId:\s+(\d+)/.exec(line) ?? [];
    if (found !== undefined) id = Number(found);
  };
  const args = ['describe', '--status'];
  await javaTools(addressOf(cluster)).run('org.apache.kafka.tools.MetadataQuorumCommand', args, { onLine });
  return nodeOf(cluster, id);
}

export async function killed(node: EmbeddedServer): Promise<Injected> {
  await node.kill();
  return { what: node.address, repair: () => node.start() };
}

/** All replicas of the topic are in sync again: the next fault may take another broker away. */
export async function untilInSync(cluster: Cluster): Promise<void> {
  const isInSync = async (): Promise<boolean> => {
    const partitions = await partitionsOf(cluster).catch(() => []);
    return partitions.length > 0 && partitions.every(({ isr, replicas }) => isr.length === replicas.length);
  };
  await waitUntil(isInSync, { what: 'all replicas to be in sync', everyMs: 500 });
}

/** What a fault of brokers may touch. */
export type BrokerTargets = Pick<Targets, 'nodes' | 'counted'>;

interface BrokerFault extends Expected {
  readonly name: string;
  readonly about: string;
  /** How long it is held, in milliseconds. @default not at all */
  readonly ms?: number;
  readonly inject: (targets: BrokerTargets) => Promise<Injected | undefined>;
}

/** The alarms while brokers are away: they name the address that does not answer, or what the others refuse. */
export const AWAY: Expected = {
  alarms: {
    broker_unreachable: /connecting to \S+|replicas|answer|leader/,
    fetch_stalled: /leader|fetch|no broker/,
    partition_stuck:
      /connecting to \S+|NOT_ENOUGH_REPLICAS|NOT_LEADER|REQUEST_TIMED_OUT|answer|no connection/,
  },
};

/** Declares a fault of a broker, which comes when all replicas are in sync, with the alarms that it may raise. */
export function ofBroker({ name, about, ms = 0, inject, ...expected }: BrokerFault): Fault {
  return fault({
    name,
    about,
    needs: ['nodes', 'counted'],
    holdMs: [ms, ms],
    inject: async (targets) => {
      await untilInSync(targets);
      targets.counted.alarms.begin(name, expected);
      return inject(targets);
    },
  });
}
