import type { Executor } from '@convergekit/postgres';
import { columnsOf } from '../columns.ts';
import type { Partition } from '../slice/partition.ts';

// By the primary key. The former owner of a partition may add its last ones at the same time.
const addSql = `
  update converge.inbox_consumer c
     set duplicates = c.duplicates || (
           select jsonb_object_agg(place, coalesce((c.duplicates ->> place)::bigint, 0) + more)
             from unnest($2::text[], $3::bigint[]) as found (place, more))
   where name = $1`;

type Counted = Pick<Partition, 'key' | 'counts'>;

/**
 * Makes the function that adds the duplicates of a member's partitions to those in the database: what is new, in one
 * statement; none where nothing is. What could not be written is tried again next time.
 */
export function duplicateCounts(
  executor: Executor,
  consumer: string,
): (partitions: readonly Counted[]) => Promise<void> {
  const saved = new WeakMap<Counted, number>();
  return async (partitions) => {
    const found = partitions.flatMap((partition) => {
      const all = partition.counts.duplicates;
      const more = all - (saved.get(partition) ?? 0);
      const { topic, partition: number } = partition.key;
      return more > 0 ? [{ partition, place: `${topic}/${number}`, more, all }] : [];
    });
    if (found.length === 0) return;
    await executor.query(addSql, [consumer, ...columnsOf(found, 2, ({ place, more }) => [place, more])]);
    for (const { partition, all } of found) saved.set(partition, all);
  };
}
