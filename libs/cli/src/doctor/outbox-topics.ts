import type { Executor } from '@convergekit/postgres';

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
