import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from '../slice/fence-sql.ts';

// By the primary key. The former owner of a partition may add its last ones at the same time.
const addSql = `
  update converge.inbox_consumer c
     set duplicates = c.duplicates || (
           select jsonb_object_agg(place, coalesce((c.duplicates ->> place)::bigint, 0) + more)
             from unnest($2::text[], $3::bigint[]) as found (place, more))
   where name = $1`;

/** Adds duplicates to the counts of partitions. */
export async function addDuplicates(
  executor: Executor,
  consumer: string,
  found: readonly { readonly key: PartitionKey; readonly more: number }[],
): Promise<void> {
  await executor.query(addSql, [
    consumer,
    found.map(({ key }) => `${key.topic}/${key.partition}`),
    found.map(({ more }) => more),
  ]);
}
