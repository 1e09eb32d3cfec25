import { readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { javaTools, type EmbeddedServer } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import { fault, type Injected, type Targets } from '../types.ts';
import { TOPIC } from '../workloads/counted/events.ts';

/** Longer than a broker's session, and than that of a consumer. */
const FROZEN_MS = 25_000;
const AWAY_MS = 8_000;

type Cluster = Pick<Targets, 'nodes'>;
const addressOf = ({ nodes }: Cluster): string => nodes.map(({ address }) => address).join();

/** Asks the brokers by a client that shares no code with the kit. */
async function asking<T>(cluster: Cluster, ask: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
  const brokers = addressOf(cluster).split(',');
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}

async function partitionsOf(cluster: Cluster): Promise<readonly kafkajs.PartitionMetadata[]> {
  const { topics } = await asking(cluster, (admin) => admin.fetchTopicMetadata({ topics: [TOPIC] }));
  return topics[0]?.partitions ?? [];
}

function nodeOf({ nodes }: Cluster, id: number | undefined): EmbeddedServer {
  const node = nodes[(id ?? 0) - 1];
  if (node === undefined) throw new Error(`there is no broker ${id ?? '?'}`);
  return node;
}

/** The leader of the first partition of the workload's topic. */
async function leaderOf(cluster: Cluster): Promise<EmbeddedServer> {
  const [first] = await partitionsOf(cluster);
  return nodeOf(cluster, first?.leader);
}

/** The active controller, as Kafka's own tool names it. */
async function controllerOf(cluster: Cluster): Promise<EmbeddedServer> {
  let id: number | undefined;
  const onLine = (line: string): void => {
    const [, found] = /^LeaderId:\s+(\d+)/.exec(line) ?? [];
    if (found !== undefined) id = Number(found);
  };
  const args = ['describe', '--status'];
  await javaTools(addressOf(cluster)).run('org.apache.kafka.tools.MetadataQuorumCommand', args, { onLine });
  return nodeOf(cluster, id);
}

async function killed(node: EmbeddedServer): Promise<Injected> {
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

/** A fault of one broker, which comes when all replicas are in sync. */
const ofBroker = (name: string, about: string, ms: number, inject: (cluster: Cluster) => Promise<Injected>) =>
  fault({
    name,
    about,
    needs: ['nodes'],
    holdMs: [ms, ms],
    inject: async (cluster) => {
      await untilInSync(cluster);
      return inject(cluster);
    },
  });

export const leaderKilled = ofBroker(
  'brokers-leader-killed',
  'kill −9 of the broker that leads a partition',
  AWAY_MS,
  async (cluster) => killed(await leaderOf(cluster)),
);

export const leaderFrozen = ofBroker(
  'brokers-leader-frozen',
  'SIGSTOP of the broker that leads a partition, for longer than its session',
  FROZEN_MS,
  async (cluster) => {
    const node = await leaderOf(cluster);
    const { pid, address } = node;
    if (pid === undefined) throw new Error(`the broker at ${address} does not run`);
    process.kill(pid, 'SIGSTOP');
    return { what: address, repair: () => process.kill(pid, 'SIGCONT') };
  },
);

export const diskEmptied = ofBroker(
  'brokers-disk-emptied',
  'a broker loses its log directory, and starts with an empty one',
  AWAY_MS,
  async (cluster) => {
    const node = await leaderOf(cluster);
    const logs = join(readlinkSync(`/proc/${node.pid ?? 0}/cwd`), 'kafka', 'logs');
    const injected = await killed(node);
    rmSync(logs, { recursive: true });
    return injected;
  },
);

export const controllerKilled = ofBroker(
  'brokers-controller-killed',
  'kill −9 of the active controller',
  AWAY_MS,
  async (cluster) => killed(await controllerOf(cluster)),
);

export const twoAway = ofBroker(
  'brokers-two-away',
  'two of three brokers are away: there is no majority, and writes are refused',
  AWAY_MS,
  async ({ nodes }) => {
    const away = nodes.slice(1);
    await Promise.all(away.map((node) => node.kill()));
    const repair = () => Promise.all(away.map((node) => node.start()));
    return { what: away.map(({ address }) => address).join(' and '), repair };
  },
);

export const rollingRestart = ofBroker(
  'brokers-rolling-restart',
  'all brokers are restarted in order, each when its replicas are in sync',
  0,
  async (cluster) => {
    for (const node of cluster.nodes) {
      await node.restart();
      await untilInSync(cluster);
    }
    return { what: `${cluster.nodes.length} brokers` };
  },
);

export const reassigned = ofBroker(
  'brokers-reassigned',
  'every partition moves to two brokers, and back to three with another leader',
  0,
  async (cluster) => {
    const move = async (replicasOf: (partition: number) => number[]): Promise<void> => {
      const partitions = (await partitionsOf(cluster)).map(({ partitionId }) => partitionId);
      const partitionAssignment = partitions.map((partition) => ({
        partition,
        replicas: replicasOf(partition),
      }));
      await asking(cluster, async (admin) => {
        await admin.alterPartitionReassignments({ topics: [{ topic: TOPIC, partitionAssignment }] });
        const isDone = async (): Promise<boolean> => {
          const { topics } = await admin.listPartitionReassignments({
            topics: [{ topic: TOPIC, partitions }],
          });
          return topics.every((one) => one.partitions.length === 0);
        };
        await waitUntil(isDone, { what: 'the reassignment to end', everyMs: 200 });
      });
    };
    const turned = (by: number): number[] => [0, 1, 2].map((n) => ((n + by) % 3) + 1);
    await move((partition) => turned(partition + 1).slice(0, 2));
    await move((partition) => turned(partition + 2));
    return { what: TOPIC };
  },
);

/** What a consumer has not read stays: its loss would be an operator's act. */
export const readDeleted = ofBroker(
  'brokers-read-deleted',
  'records are deleted up to what the consumer has read, while it reads',
  0,
  async (cluster) => {
    const deleted = await asking(cluster, async (admin) => {
      const [committed] = await admin.fetchOffsets({ groupId: 'stock', topics: [TOPIC] });
      const partitions = (committed?.partitions ?? []).filter(({ offset }) => Number(offset) > 0);
      await admin.deleteTopicRecords({ topic: TOPIC, partitions });
      return partitions.map(({ partition, offset }) => `${partition} up to ${offset}`);
    });
    return { what: deleted.join(', ') };
  },
);

export const brokerFaults = [
  leaderKilled,
  leaderFrozen,
  diskEmptied,
  controllerKilled,
  twoAway,
  rollingRestart,
  reassigned,
  readDeleted,
] as const;
