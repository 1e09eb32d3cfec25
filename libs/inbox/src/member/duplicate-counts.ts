import type { Executor } from '@convergekit/postgres';
import type { Partition } from '../slice/partition.ts';

// By the primary key. The former owner of a partition may add its last ones at the same time.
const addSql = `
  update converge.inbox_consumer c
     set duplicates = c.duplicates || (
           select jsonb_object_agg(place, coalesce((c.duplicates ->> place)::bigint, 0) + more)
             from unnest($2::text[], $3::bigint[]) as found (place, more))
   where name = $1`;

type Counted = Pick<Partition, 'key' | 'counts'>;

/** Adds the duplicates that a member's partitions count to those in the database. */
export class DuplicateCounts {
  readonly #executor: Executor;
  readonly #consumer: string;
  readonly #saved = new WeakMap<Counted, number>();

  constructor(executor: Executor, consumer: string) {
    this.#executor = executor;
    this.#consumer = consumer;
  }

  /** Writes what is new, in one statement; none where nothing is. What could not be written is tried again next time. */
  async save(partitions: readonly Counted[]): Promise<void> {
    const found = partitions.flatMap((partition) => {
      const all = partition.counts.duplicates;
      const more = all - (this.#saved.get(partition) ?? 0);
      const { topic, partition: number } = partition.key;
      return more > 0 ? [{ partition, place: `${topic}/${number}`, more, all }] : [];
    });
    if (found.length === 0) return;
    const [places, counts] = [found.map(({ place }) => place), found.map(({ more }) => more)];
    await this.#executor.query(addSql, [this.#consumer, places, counts]);
    for (const { partition, all } of found) this.#saved.set(partition, all);
  }
}
