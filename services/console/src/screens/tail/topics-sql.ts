import type { Executor } from '@convergekit/postgres';

// A few rows by the primary key's first column.
const topicsSql = `select distinct p.topic from converge.inbox_partition p where p.consumer = $1`;

/** Lists the topics that a consumer of this database reads. */
export async function readTopics(
  executor: Executor,
  consumer: string,
): Promise<readonly { readonly topic: string }[]> {
  return (await executor.query<{ topic: string }>(topicsSql, [consumer])).rows;
}
