import type { Executor } from '@convergekit/postgres';

export interface PartitionKey {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
}

/** The position of a partition in the log, and among filled events, which have no offset. */
export interface Stand {
  readonly nextOffset: bigint;
  /** Slices of filled events so far. */
  readonly fills: bigint;
}

const haltSql = `
  update converge.inbox_partition
     set state = 'halted', halted_code = $5, halted_reason = $6, halted_at = clock_timestamp(),
         halted_offset = $7::bigint
   where consumer = $1 and topic = $2 and partition = $3 and next_offset = $4::bigint and state = 'running'`;

/** Halts the partition at its offset, under the fence. False: another owner moved the fence. */
export async function haltPartition(
  executor: Executor,
  key: PartitionKey,
  expected: bigint,
  halt: { readonly code: string; readonly reason: string },
  /** The record that could not be passed, where it was one. */
  at: bigint | undefined,
): Promise<boolean> {
  const { rowCount } = await executor.query(haltSql, [
    key.consumer,
    key.topic,
    key.partition,
    `${expected}`,
    halt.code,
    halt.reason,
    at === undefined ? null : `${at}`,
  ]);
  return rowCount === 1;
}

// The row is the fence of slices: a present slice ends first, and the next one finds the partition halted. Locked in the order of
// the primary key, as every other lock on several of them.
const haltRunningSql = `
  with running as (
    select consumer, topic, partition from converge.inbox_partition
     where consumer = $1 and ($4::text is null or topic = $4) and state = 'running'
     order by consumer, topic, partition for update)
  update converge.inbox_partition p
     set state = 'halted', halted_code = $2, halted_reason = $3, halted_at = clock_timestamp(), halted_offset = null
    from running r where (p.consumer, p.topic, p.partition) = (r.consumer, r.topic, r.partition)
  returning p.topic, p.partition, p.next_offset::text as next`;

/** Halts the partitions of a consumer that run, of one topic or of all. What is halted already stays so. */
export async function haltRunning(
  tx: Executor,
  { consumer, topic }: { readonly consumer: string; readonly topic?: string | undefined },
  { code, reason }: { readonly code: string; readonly reason: string },
): Promise<readonly { readonly topic: string; readonly partition: number; readonly next: string }[]> {
  const values = [consumer, code, reason, topic ?? null];
  return (await tx.query<{ topic: string; partition: number; next: string }>(haltRunningSql, values)).rows;
}

/** Finds the session that holds the fence row: its xmax is the locking transaction. For the alarm only. */
const holderSql = `
  select a.pid, a.application_name as application, a.state, a.xact_start as since
    from converge.inbox_partition p join pg_stat_activity a on a.backend_xid = p.xmax
   where p.consumer = $1 and p.topic = $2 and p.partition = $3`;

export interface FenceHolder {
  readonly pid: number;
  readonly application: string;
  readonly state: string;
  readonly since: Date;
}

export async function fenceHolder(executor: Executor, key: PartitionKey): Promise<FenceHolder | undefined> {
  const { rows } = await executor.query<FenceHolder>(holderSql, [key.consumer, key.topic, key.partition]);
  return rows[0];
}
