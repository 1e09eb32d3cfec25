import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import { type Place, placeColumns } from '../slice/fence-sql.ts';
import type { Partition } from '../slice/partition.ts';
import { oldestMs } from './oldest-record.ts';
import { byPlace, type PartitionRow } from './partition-sql.ts';

/** A partition is behind when a record that was written this long ago is not handled, in milliseconds. Its rule has the same bound. */
const BEHIND_MS = 600_000;

/**
 * A member that takes over a partition leaves a wait on record for this long while it runs and has handled nothing, in
 * milliseconds: it may begin again.
 */
const TAKEN_OVER_MS = 60_000;

type Waiting = Pick<Partition, 'key' | 'waiting' | 'awaited' | 'nextOffset' | 'watch' | 'counts'>;

/** What a member saw of a partition so far. */
export interface Seen {
  /** When it first looked, by the monotonic clock. */
  readonly firstMs: number;
  /** True when it saw the partition wait. */
  readonly waited: boolean;
}

/** An owned partition, and what its member saw of it. */
export interface Owned {
  readonly partition: Waiting;
  readonly seen: Seen;
}

/** Adds a look at a partition to what its member saw of it (pure). */
export function seenNow(partition: Waiting, before: Seen | undefined, monotonicMs: number): Seen {
  const { firstMs = monotonicMs, waited = false } = before ?? {};
  return { firstMs, waited: waited || partition.waiting.kind !== 'running' };
}

/** What a partition waits for, by its owner; undefined: it runs, or its halt is in the database. */
export interface NotedWait extends Place {
  readonly wait: { readonly code: string; readonly reason: string } | undefined;
}

/**
 * Lists the partitions whose wait differs from the one on record (pure). The wait of a process that ended stays for a while,
 * or until the next one handled an event: where that one waits for the same soon, it is one wait, and a crash loop does not
 * hide it.
 */
export function changedWaits(
  owned: readonly Owned[],
  rows: readonly Pick<PartitionRow, 'topic' | 'partition' | 'waitCode'>[],
  { now, monotonicMs }: { readonly now: number; readonly monotonicMs: number },
): readonly NotedWait[] {
  const rowOf = byPlace(rows);
  return owned.flatMap(({ partition, seen: { firstMs, waited } }) => {
    const { topic, partition: number } = partition.key;
    const row = rowOf(partition.key);
    const wait = waitOf(partition, now);
    const isEarly = !waited && partition.counts.handled === 0 && monotonicMs - firstMs < TAKEN_OVER_MS;
    return row === undefined || row.waitCode === (wait?.code ?? null) || (wait === undefined && isEarly)
      ? []
      : [{ topic, partition: number, wait }];
  });
}

function waitOf(partition: Waiting, now: number): NotedWait['wait'] {
  const { waiting, awaited } = partition;
  switch (waiting.kind) {
    case 'running':
      return behindOf(oldestMs(partition), now);
    case 'paused':
      return waiting.pause;
    case 'halted':
      return awaited === undefined ? undefined : waiting.halt;
  }
}

/** A partition that runs and is behind, on the records of any producer. */
function behindOf(writtenMs: number | undefined, now: number): NotedWait['wait'] {
  if (writtenMs === undefined || now - writtenMs < BEHIND_MS) return undefined;
  const at = new Date(writtenMs).toISOString();
  return {
    code: 'consumer_behind',
    reason: `it runs and is behind: the oldest record that it had not handled then was written at ${at}`,
  };
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
