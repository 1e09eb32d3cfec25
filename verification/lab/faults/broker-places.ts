import { execFileSync } from 'node:child_process';
import { mkdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { javaTools } from '@convergekit/testing/engine';
import { waitUntil } from '@convergekit/testing';
import type { Expected } from '../workloads/counted/alarm-record.ts';
import { TOPIC } from '../workloads/counted/events.ts';
import { addressOf, asking, AWAY, killed, leaderOf, nodeOf, ofBroker, untilInSync } from './cluster.ts';

const quiet = { onLine: (): void => undefined };

/** Java's hash of a group's name, by which Kafka chooses the partition of its offsets. Pure. */
export function partitionOfGroup(group: string, partitions: number): number {
  let hash = 0;
  for (const letter of group) hash = (31 * hash + letter.charCodeAt(0)) | 0;
  return (hash & 0x7f_ff_ff_ff) % partitions;
}

export const preferredElection = ofBroker({
  name: 'brokers-preferred-election',
  about: 'the leadership of every partition goes back to its first replica',
  inject: async ({ nodes }) => {
    const args = ['--election-type', 'preferred', '--all-topic-partitions'];
    await javaTools(addressOf({ nodes })).run('org.apache.kafka.tools.LeaderElectionCommand', args, quiet);
    return { what: 'all topics' };
  },
});

export const coordinatorKilled = ofBroker({
  name: 'brokers-coordinator-killed',
  about: 'kill −9 of the coordinator of the consumer, which leads the partition of its offsets',
  ms: 8_000,
  ...AWAY,
  inject: async ({ nodes, counted }) => {
    const [group = ''] = counted.consumers.keys();
    const { topics } = await asking({ nodes }, (admin) =>
      admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] }),
    );
    const partitions = topics[0]?.partitions ?? [];
    const wanted = partitionOfGroup(group, partitions.length);
    const found = partitions.find(({ partitionId }) => partitionId === wanted);
    return killed(nodeOf({ nodes }, found?.leader));
  },
});

/** Sets or removes a quota of all clients, which the brokers enforce by delayed answers. */
function quota(brokers: string, change: readonly string[]): Promise<void> {
  const args = ['--alter', '--entity-type', 'clients', '--entity-default', ...change];
  return javaTools(brokers).run('kafka.admin.ConfigCommand', args, quiet);
}

const quotaOf = (name: string, setting: string, value: string, alarms: Expected['alarms'] = {}) =>
  ofBroker({
    name: `brokers-quota-${name}`,
    about: `answers are throttled by ${setting}=${value}, which is less than the load needs`,
    ms: 20_000,
    alarms: { broker_unreachable: /quota|thrott/, events_late: /./, ...alarms },
    inject: async ({ nodes }) => {
      const brokers = addressOf({ nodes });
      await quota(brokers, ['--add-config', `${setting}=${value}`]);
      return { what: `${setting}=${value}`, repair: () => quota(brokers, ['--delete-config', setting]) };
    },
  });

export const producerQuota = quotaOf('bytes', 'producer_byte_rate', '5000', {
  // To a client, a held answer is a missing one: the alarm names both causes.
  partition_stuck: /no answer in time.*producer_byte_rate/,
});
export const requestQuota = quotaOf('requests', 'request_percentage', '1', {
  fetch_stalled: /a quota of the brokers .*request_percentage/,
  partition_stuck: /no answer in time.*request_percentage/,
});

/** More than the logs of the workload, and filled in a moment. */
const DISK_MB = 256;

export const diskFull = ofBroker({
  name: 'brokers-disk-full',
  about: 'the disk of a broker is full (a small tmpfs; skipped without root)',
  ms: 15_000,
  inject: async ({ nodes }) => {
    if (process.getuid?.() !== 0) return undefined;
    const node = await leaderOf({ nodes });
    const logs = join(readlinkSync(`/proc/${node.pid ?? 0}/cwd`), 'kafka', 'logs');
    await node.kill();
    // The disk is a new one: what was there comes from the other replicas.
    rmSync(logs, { recursive: true });
    mkdirSync(logs);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MB}m`, 'tmpfs', logs]);
    const repair = async (): Promise<void> => {
      await node.kill();
      execFileSync('umount', ['-l', logs]);
      await node.start();
    };
    try {
      await node.start();
      await untilInSync({ nodes });
      fill(join(logs, 'filled'));
      // The broker may end before it answers.
      await asking({ nodes }, (admin) => admin.fetchTopicMetadata({ topics: [TOPIC] })).catch(
        () => undefined,
      );
      await waitUntil(() => !node.running, {
        what: 'the broker to end for its full disk',
        deadlineMs: 60_000,
      });
    } catch (error) {
      await repair();
      throw error;
    }
    return { what: node.address, repair };
  },
});

/** Writes until the disk takes nothing more. */
function fill(file: string): void {
  const block = Buffer.alloc(1_048_576);
  try {
    for (;;) writeFileSync(file, block, { flag: 'a' });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  }
}

export const brokerPlaceFaults = [
  preferredElection,
  coordinatorKilled,
  producerQuota,
  requestQuota,
  diskFull,
] as const;
