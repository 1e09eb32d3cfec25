import { createTopics, type TopicDescription } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import type { Finding } from './finding.ts';

// The largest event of an emit (900 KiB of payload and headers) plus the relay's headers, in bytes.
const LARGEST_EVENT_BYTES = 921_600 + 16_384;

/**
 * Checks that a topic is fit for events. The function is pure: `undefined` is a topic that does not exist. `recorded`: the
 * partitions that it had; with fewer, its relay and its consumers would refuse it.
 */
export function checkTopic(
  name: string,
  found: TopicDescription | undefined,
  recorded?: number,
): readonly Finding[] {
  const check = `topic ${name}` as const;
  if (found === undefined)
    return [
      {
        check,
        verdict: 'fail',
        text: 'does not exist',
        next: createTopics([name], recorded),
      },
    ];
  const findings = [compaction(found), size(found), replication(found)]
    .flat()
    .map((one) => ({ check, ...one }));
  const copies =
    found.replicationFactor === undefined ? '' : `, replication factor ${found.replicationFactor}`;
  const shape = `${found.partitions} partitions${copies}`;
  return findings.length > 0 ? findings : [{ check, verdict: 'ok', text: shape }];
}

type Part = Omit<Finding, 'check'>;

function compaction({ name, config }: TopicDescription): readonly Part[] {
  if (!(config['cleanup.policy'] ?? '').split(',').includes('compact')) return [];
  const text = 'cleanup.policy contains compact: Kafka would delete events that consumers have not seen';
  return [{ verdict: 'fail', text, next: `set cleanup.policy=delete on ${name}` }];
}

function size({ name, config }: TopicDescription): readonly Part[] {
  const limit = Number(config['max.message.bytes'] ?? Number.POSITIVE_INFINITY);
  if (limit >= LARGEST_EVENT_BYTES) return [];
  const text = `max.message.bytes is ${limit}: the largest event that emit admits would halt the topic`;
  return [{ verdict: 'warn', text, next: `set max.message.bytes=1048588 on ${name}` }];
}

function replication({ replicationFactor, config }: TopicDescription): readonly Part[] {
  if (replicationFactor === undefined) return [];
  const minimum = Number(config['min.insync.replicas'] ?? 1);
  if (replicationFactor < 3)
    return [
      {
        verdict: 'warn',
        text: `replication factor ${replicationFactor}: losing one broker's disk can lose events (3 in production)`,
      },
    ];
  if (minimum < 2)
    return [
      {
        verdict: 'warn',
        text: `min.insync.replicas is ${minimum}: an acknowledged event may be on one disk alone (2 in production)`,
      },
    ];
  return [];
}

// The topics come from the newest events by primary key, and from the relay's records. `topic` has no index, and a scan
// of the whole table is avoided.
const sql = `
  select distinct topic from (
    select topic from (select topic from converge.outbox order by id desc limit 10000) newest
    union all
    select topic from converge.relay_topic
  ) used order by topic`;

/** The topics that events of this database go to. */
export async function topicsOfOutbox(executor: Executor): Promise<readonly string[]> {
  const { rows } = await executor.query<{ topic: string }>(sql);
  return rows.map((row) => row.topic);
}

const partitionsSql = `
  select topic, max(partitions) as partitions from (
    select topic, partitions from converge.relay_topic where partitions > 0
    union all
    select topic, max(partition) + 1 from converge.inbox_partition group by topic
  ) recorded group by topic`;

/** The partitions that the relay and the consumers of a database have on record, by topic; none for a role that may not read them. */
export async function recordedPartitions(executor: Executor): Promise<ReadonlyMap<string, number>> {
  try {
    const { rows } = await executor.query<{ topic: string; partitions: number }>(partitionsSql);
    return new Map(rows.map(({ topic, partitions }) => [topic, partitions]));
  } catch (error) {
    if (sqlState(error) === '42501') return new Map();
    throw error;
  }
}
