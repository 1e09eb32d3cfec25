import type { Executor } from '@convergekit/postgres';
import type { Partition } from '../slice/partition.ts';
import { addDuplicates } from './duplicate-counts-sql.ts';

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
      return more > 0 ? [{ partition, key: partition.key, more, all }] : [];
    });
    if (found.length === 0) return;
    await addDuplicates(this.#executor, this.#consumer, found);
    for (const { partition, all } of found) this.#saved.set(partition, all);
  }
}
