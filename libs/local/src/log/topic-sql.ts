import { type KnownTopic, type LogEnds, type NewTopic, topicUnknown } from '@convergekit/broker/engine';
import type { LogSession } from '../session/log-session.ts';
import type { TopicSettings } from './topic-settings.ts';

export interface LocalTopic extends KnownTopic {
  readonly maxBytes: number;
}

const findSql = `
  select id, name, partitions, max_bytes as "maxBytes", config from converge_log.topic
   where $1::text[] is null or name = any ($1::text[]) order by name`;

/** Returns the topics that exist, by name: all, or the named ones. */
export async function findTopics(
  session: LogSession,
  names?: readonly string[],
): Promise<ReadonlyMap<string, LocalTopic>> {
  const { rows } = await session.query<LocalTopic>('looking topics up', findSql, [names ?? null]);
  return new Map(rows.map((topic) => [topic.name, topic]));
}

/** Lists all topics, or the named ones. Rejects when one of them does not exist. */
export async function listTopics(
  session: LogSession,
  names?: readonly string[],
): Promise<readonly KnownTopic[]> {
  const found = await findTopics(session, names);
  for (const name of names ?? []) if (!found.has(name)) throw topicUnknown(name);
  return [...found.values()];
}

// One transaction: a topic is never seen without its partitions.
const createSql = `
  with made as (
    insert into converge_log.topic (name, partitions, max_bytes, retention_ms, config)
    values ($1, $2, $3, $4, $5) on conflict (name) do nothing returning id, partitions
  )
  insert into converge_log.partition (topic_id, partition)
  select id, n from made, generate_series(0, partitions - 1) as n`;

/** Returns false when the topic existed. */
export async function createTopic(
  session: LogSession,
  { name, partitions }: NewTopic,
  { maxBytes, retentionMs, config }: TopicSettings,
): Promise<boolean> {
  const values = [name, partitions, maxBytes, retentionMs, JSON.stringify(config)];
  return (await session.query(`creating topic ${name}`, createSql, values)).rowCount > 0;
}

/** Deletes the topic; its records are unreachable at once, and leave with their children. */
export async function deleteTopic(session: LogSession, name: string): Promise<void> {
  await session.query(`deleting topic ${name}`, 'delete from converge_log.topic where name = $1', [name]);
}

const endsSql = `
  select p.partition, p.start_offset as earliest, p.next_offset as latest
    from converge_log.topic t join converge_log.partition p on p.topic_id = t.id
   where t.name = $1 order by p.partition`;

export async function readEnds(session: LogSession, topic: string): Promise<readonly LogEnds[]> {
  const { rows } = await session.query<{ partition: number; earliest: string; latest: string }>(
    `reading the ends of topic ${topic}`,
    endsSql,
    [topic],
  );
  if (rows.length === 0) throw topicUnknown(topic);
  return rows.map(({ partition, earliest, latest }) => ({
    partition,
    earliest: BigInt(earliest),
    latest: BigInt(latest),
  }));
}

const committedSql = `
  select c.partition, c.next_offset
    from converge_log.topic t join converge_log.committed c on c.topic_id = t.id
   where t.name = $2 and c.group_id = $1 order by c.partition`;

export async function readCommitted(
  session: LogSession,
  groupId: string,
  topic: string,
): Promise<ReadonlyMap<number, bigint>> {
  const { rows } = await session.query<{ partition: number; next_offset: string }>(
    `reading offsets of group ${groupId}`,
    committedSql,
    [groupId, topic],
  );
  return new Map(rows.map((row) => [row.partition, BigInt(row.next_offset)]));
}
