import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from '../slice/fence-sql.ts';

// By the primary key. The former owner of a partition may add its last ones at the same time.
const addSql = `
  insert into converge.inbox_count (consumer, topic, partition, duplicates)
  select $1, topic, partition, more from unnest($2::text[], $3::int[], $4::bigint[]) as found (topic, partition, more)
   order by topic, partition
  on conflict (consumer, topic, partition) do update set duplicates = inbox_count.duplicates + excluded.duplicates`;

/** Adds duplicates to the counts of partitions. */
export async function addDuplicates(
  executor: Executor,
  consumer: string,
  found: readonly { readonly key: PartitionKey; readonly more: number }[],
): Promise<void> {
  await executor.query(addSql, [
    consumer,
    found.map(({ key }) => key.topic),
    found.map(({ key }) => key.partition),
    found.map(({ more }) => more),
  ]);
}
