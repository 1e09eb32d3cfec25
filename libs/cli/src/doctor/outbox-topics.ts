import type { Executor } from '@convergekit/postgres';

// `topic` has no index, and needs none for publishing: the newest events by primary key, and what the relay has
// recorded, give the same without reading the whole table.
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
