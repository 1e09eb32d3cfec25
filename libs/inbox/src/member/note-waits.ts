import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import { type Place, placeColumns } from '../slice/fence-sql.ts';
import type { Partition } from '../slice/partition.ts';
import type { PartitionRow } from './partition-sql.ts';

/** What a partition waits for, by its owner; undefined: it runs, or its halt is in the database. */
export interface NotedWait extends Place {
  readonly wait: { readonly code: string; readonly reason: string } | undefined;
}

/** Lists the partitions whose wait differs from the one on record (pure). */
export function changedWaits(
  owned: readonly Pick<Partition, 'key' | 'waiting' | 'awaited'>[],
  rows: readonly Pick<PartitionRow, 'topic' | 'partition' | 'waitCode'>[],
): readonly NotedWait[] {
  return owned.flatMap((partition) => {
    const { topic, partition: number } = partition.key;
    const row = rows.find((one) => one.topic === topic && one.partition === number);
    const wait = waitOf(partition);
    return row === undefined || row.waitCode === (wait?.code ?? null)
      ? []
      : [{ topic, partition: number, wait }];
  });
}

function waitOf({ waiting, awaited }: Pick<Partition, 'waiting' | 'awaited'>): NotedWait['wait'] {
  switch (waiting.kind) {
    case 'running':
      return undefined;
    case 'paused':
      return waiting.pause;
    case 'halted':
      return awaited === undefined ? undefined : waiting.halt;
  }
}

// A fence that a slice holds is left to the next look: the partition does something, and nothing waits for a note.
const noting = givenRows<NotedWait>(
  {
    ...placeColumns,
    code: ['text', ({ wait }) => wait?.code],
    reason: ['text', ({ wait }) => wait?.reason],
  },
  (given) => `
  with free as (
    select p.consumer, p.topic, p.partition, n.code, n.reason from (${given}) as n
      join converge.inbox_partition p on p.consumer = $5 and p.topic = n.topic and p.partition = n.partition
       for no key update of p skip locked)
  update converge.inbox_partition p
     set wait_code = f.code, wait_reason = f.reason, wait_since = case when f.code is not null then clock_timestamp() end
    from free f where (p.consumer, p.topic, p.partition) = (f.consumer, f.topic, f.partition)`,
);

/** Notes for operators what partitions wait for, and since when. */
export async function noteWaits(
  executor: Executor,
  consumer: string,
  waits: readonly NotedWait[],
): Promise<void> {
  if (waits.length > 0) await executor.query(...noting(waits, consumer));
}
