import type { Executor } from '@convergekit/postgres';
import { isPaused, type PartitionKey } from '../slice/fence-sql.ts';

/** The lease of one parked key. Each claim raises its term, so the last holder has the highest. */
export interface LeasedKey {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  readonly term: bigint;
}

/** The condition that the partition of a parked key `k` is not paused. */
const notPaused = `not exists (select from converge.inbox_partition p
    where p.consumer = k.consumer and p.topic = k.topic and p.partition = k.partition and ${isPaused})`;

/**
 * The lock of a drain on the partition of its event ($1 to $3), unless that is paused. Neither slices nor other operators wait
 * for it, nor it for them; a pause does, once it is committed.
 */
export const drainFence = `
  select from converge.inbox_partition p
   where consumer = $1 and topic = $2 and partition = $3 and not ${isPaused} for key share`;

// A claim is a separate transaction: the lease is committed before any handler runs. No slice waits long for the row.
// SKIP LOCKED makes the claim wait neither for other drains nor for a slice that appends to the key. The search uses
// the partial index parked_key_due.
const claimSql = `
  update converge.parked_key k
     set leased_until = clock_timestamp() + $3 * interval '1 millisecond', term = k.term + 1
    from (select consumer, topic, key from converge.parked_key k
           where consumer = $1 and state = 'waiting' and next_at <= clock_timestamp() and leased_until <= clock_timestamp()
             and ${notPaused}
           order by next_at limit $2 for no key update skip locked) due
   where k.consumer = due.consumer and k.topic = due.topic and k.key = due.key
  returning k.topic, k.key, k.term`;

/** Leases due keys, those that have waited longest first. */
export async function claimKeys(
  executor: Executor,
  consumer: string,
  limit: number,
  leaseMs: number,
): Promise<readonly LeasedKey[]> {
  const { rows } = await executor.query<{ topic: string; key: string; term: string }>(claimSql, [
    consumer,
    limit,
    leaseMs,
  ]);
  return rows.map(({ topic, key, term }) => ({ consumer, topic, key, term: BigInt(term) }));
}

const renewSql = `
  update converge.parked_key k set leased_until = clock_timestamp() + $5 * interval '1 millisecond'
   where consumer = $1 and topic = $2 and key = $3 and term = $4 and state = 'waiting' and ${notPaused}`;

/** Renews a lease. False: another drain has the key, it waits for an operator or its partition does, or it was released. */
export async function renewLease(executor: Executor, key: LeasedKey, leaseMs: number): Promise<boolean> {
  const { rowCount } = await executor.query(renewSql, [...termOf(key), leaseMs]);
  return rowCount === 1;
}

const leaveSql = `
  update converge.parked_key
     set leased_until = '-infinity', next_at = clock_timestamp() + $5 * interval '1 millisecond'
   where consumer = $1 and topic = $2 and key = $3 and term = $4`;

/** Returns the lease; the key is due again after `waitMs`. Does nothing when another drain has the lease. */
export async function leaveKey(executor: Executor, key: LeasedKey, waitMs: number): Promise<void> {
  await executor.query(leaveSql, [...termOf(key), waitMs]);
}

const wakeSql = `
  update converge.parked_key set next_at = clock_timestamp()
   where (consumer, topic, key) in (
     select consumer, topic, key from converge.parked_key
      where consumer = $1 and topic = $2 and partition = $3 and state = 'waiting' order by consumer, topic, key for update)`;

/** Makes the parked keys of a partition due now. Needs a transaction that holds the fence of the partition. */
export async function wakeKeys(tx: Executor, { consumer, topic, partition }: PartitionKey): Promise<void> {
  await tx.query(wakeSql, [consumer, topic, partition]);
}

const lockSql = `
  select from converge.parked_key where consumer = $1 and topic = $2 and key = $3 and term = $4 for no key update`;
const emptySql = `select from converge.parked where consumer = $1 and topic = $2 and line = $3 limit 1`;
const dropSql = `delete from converge.parked_key where consumer = $1 and topic = $2 and key = $3 and term = $4`;

/**
 * Releases an empty line, whose last event an operator took out. Needs a transaction. The row is locked first, and the check
 * is a statement of its own after it: in one statement (`delete … where not exists`) the check would be older than the lock,
 * and an event that a slice had just appended would be left without its key.
 */
export async function dropEmptyLine(tx: Executor, key: LeasedKey): Promise<boolean> {
  const locked = await tx.query(lockSql, termOf(key));
  if (locked.rowCount !== 1) return false;
  const left = await tx.query(emptySql, [key.consumer, key.topic, key.key]);
  if (left.rowCount !== 0) return false;
  await tx.query(dropSql, termOf(key));
  return true;
}

function termOf({ consumer, topic, key, term }: LeasedKey): readonly unknown[] {
  return [consumer, topic, key, `${term}`];
}

const dueSql = `
  select extract(epoch from min(greatest(next_at, leased_until)) - clock_timestamp()) * 1000 as ms
    from converge.parked_key k where consumer = $1 and state = 'waiting' and ${notPaused}`;

/** Returns the milliseconds until the next key is due, below 0 if overdue; undefined when none waits. */
export async function nextDueMs(executor: Executor, consumer: string): Promise<number | undefined> {
  const { rows } = await executor.query<{ ms: string | null }>(dueSql, [consumer]);
  const ms = rows[0]?.ms ?? null;
  return ms === null ? undefined : Number(ms);
}
