import { topicUnknown } from '@convergekit/broker/engine';
import type { KnownTopic } from '../log/topic-sql.ts';
import type { LogSession } from '../session/log-session.ts';

const listSql = `
  select id, name, partitions, max_bytes as "maxBytes", config from converge_log.topic
   where $1::text[] is null or name = any ($1::text[]) order by name`;

/** Lists all topics, or the named ones. Rejects when one of them does not exist. */
export async function listTopics(
  session: LogSession,
  names?: readonly string[],
): Promise<readonly KnownTopic[]> {
  const { rows } = await session.query<KnownTopic>('listing topics', listSql, [names ?? null]);
  for (const name of names ?? []) if (!rows.some((row) => row.name === name)) throw topicUnknown(name);
  return rows;
}
