import kafkajs from 'kafkajs';
import { readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { TOPIC } from '../workloads/counted/events.ts';
import {
  asking,
  AWAY,
  controllerOf,
  killed,
  leaderOf,
  ofBroker,
  partitionsOf,
  untilInSync,
} from './cluster.ts';

/** Longer than a broker's session, and than that of a consumer. */
const FROZEN_MS = 25_000;
const AWAY_MS = 8_000;

export const leaderKilled = ofBroker({
  name: 'brokers-leader-killed',
  about: 'kill −9 of the broker that leads a partition',
  ms: AWAY_MS,
  ...AWAY,
  inject: async (cluster) => killed(await leaderOf(cluster)),
});

export const leaderFrozen = ofBroker({
  name: 'brokers-leader-frozen',
  about: 'SIGSTOP of the broker that leads a partition, for longer than its session',
  ms: FROZEN_MS,
  ...AWAY,
  inject: async (cluster) => {
    const node = await leaderOf(cluster);
    const { pid, address } = node;
    if (pid === undefined) throw new Error(`the broker at ${address} does not run`);
    process.kill(pid, 'SIGSTOP');
    return { what: address, repair: () => process.kill(pid, 'SIGCONT') };
  },
});

export const diskEmptied = ofBroker({
  name: 'brokers-disk-emptied',
  about: 'a broker loses its log directory, and starts with an empty one',
  ms: AWAY_MS,
  ...AWAY,
  inject: async (cluster) => {
    const node = await leaderOf(cluster);
    const logs = join(readlinkSync(`/proc/${node.pid ?? 0}/cwd`), 'kafka', 'logs');
    const injected = await killed(node);
    rmSync(logs, { recursive: true });
    return injected;
  },
});

export const controllerKilled = ofBroker({
  name: 'brokers-controller-killed',
  about: 'kill −9 of the active controller',
  ms: AWAY_MS,
  ...AWAY,
  inject: async (cluster) => killed(await controllerOf(cluster)),
});

export const twoAway = ofBroker({
  name: 'brokers-two-away',
  about: 'two of three brokers are away: there is no majority, and writes are refused',
  ms: AWAY_MS,
  // Nothing is published meanwhile: a machine that starts brokers slowly has events that wait for a minute.
  alarms: { ...AWAY.alarms, events_late: /./ },
  inject: async ({ nodes }) => {
    const away = nodes.slice(1);
    await Promise.all(away.map((node) => node.kill()));
    const repair = () => Promise.all(away.map((node) => node.start()));
    return { what: away.map(({ address }) => address).join(' and '), repair };
  },
});

export const rollingRestart = ofBroker({
  name: 'brokers-rolling-restart',
  about: 'all brokers are restarted in order, each when its replicas are in sync',
  ...AWAY,
  inject: async (cluster) => {
    for (const node of cluster.nodes) {
      await node.restart();
      await untilInSync(cluster);
    }
    return { what: `${cluster.nodes.length} brokers` };
  },
});

export const reassigned = ofBroker({
  name: 'brokers-reassigned',
  about: 'every partition moves to two brokers, and back to three with another leader',
  inject: async (cluster) => {
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
});

/** What a consumer has not read stays: its loss would be an operator's act. */
export const readDeleted = ofBroker({
  name: 'brokers-read-deleted',
  about: 'records are deleted up to what the consumer has read, while it reads',
  inject: async (cluster) => {
    const deleted = await asking(cluster, async (admin) => {
      let read: kafkajs.SeekEntry[] = [];
      const isDone = async (): Promise<boolean> => {
        const [committed] = await admin.fetchOffsets({ groupId: 'stock', topics: [TOPIC] });
        read = (committed?.partitions ?? []).filter(({ offset }) => Number(offset) > 0);
        const ends = await admin.fetchTopicOffsets(TOPIC);
        const isOfEarlierTopic = ({ partition, offset }: kafkajs.SeekEntry): boolean =>
          Number(offset) > Number(ends.find((end) => end.partition === partition)?.high ?? 0);
        // A topic that was just made again is shorter than what the consumer committed in the one before.
        if (read.some(isOfEarlierTopic)) return false;
        await admin.deleteTopicRecords({ topic: TOPIC, partitions: read });
        return true;
      };
      // An election that a fault before this one began may not have ended.
      const isDoneUnlessElecting = (): Promise<boolean> =>
        isDone().catch((error: unknown) => {
          if (error instanceof kafkajs.KafkaJSError && error.retriable) return false;
          throw error;
        });
      await waitUntil(isDoneUnlessElecting, { what: 'the records to be deleted', everyMs: 200 });
      return read.map(({ partition, offset }) => `${partition} up to ${offset}`);
    });
    return { what: deleted.join(', ') };
  },
});

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
