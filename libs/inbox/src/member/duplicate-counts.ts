import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import type { Partition } from '../slice/partition.ts';

// By the primary key. The former owner of a partition may add its last ones at the same time.
const addition = givenRows<{ readonly place: string; readonly more: number }>(
  { place: ['text', ({ place }) => place], more: ['bigint', ({ more }) => more] },
  (given) => `
  update converge.inbox_consumer c
     set duplicates = c.duplicates || (
           select jsonb_object_agg(place, coalesce((c.duplicates ->> place)::bigint, 0) + more)
             from (${given}) as found)
   where name = $3`,
);

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
    await executor.query(...addition(found, consumer));
    for (const { partition, all } of found) saved.set(partition, all);
  };
}
