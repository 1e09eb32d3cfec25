import type { Executor } from '@convergekit/postgres';
import { endsTooLate, LeasedTable } from '@convergekit/postgres/engine';
import { isPaused, type PartitionKey } from '../slice/fence-sql.ts';

/** The lease of one parked key. Each claim raises its term, so the last holder has the highest. */
export interface LeasedKey {
  readonly consumer: string;
  readonly topic: string;
  readonly key: string;
  readonly term: bigint;
}

/** The condition that a parked key waits, and its partition is not paused. */
const waits = `one.state = 'waiting' and not exists (select from converge.inbox_partition p
    where p.consumer = one.consumer and p.topic = one.topic and p.partition = one.partition and ${isPaused})`;

/**
 * The lock of a drain on the partition of its events (three parameters from `at` on), unless that is paused. Neither slices nor
 * other operators wait for it, nor it for them; a pause does, once it is committed.
 */
export const drainFence = (at: number): string => `
  select from converge.inbox_partition p
   where consumer = $${at} and topic = $${at + 1} and partition = $${at + 2} and not ${isPaused} for key share`;

const keys = new LeasedTable({
  table: 'converge.parked_key',
  key: { consumer: 'text', topic: 'text', key: 'text' },
  fence: { term: 'bigint' },
  lease: 'leased_until',
  renewable: waits,
  lock: 'no key update',
});

// No slice waits long for the row, nor a claim for a slice that appends to the key. The search uses the partial index
// parked_key_due. A lease that has ended makes the key due again.
const due = keys.pick(
  `consumer = $1 and next_at <= clock_timestamp() and ${keys.isOver('$3')} and ${waits}`,
  'order by next_at limit $2',
);
const claimSql = keys.claim(due, '$3', 'term = one.term + 1', 'one.topic, one.key, one.term');

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

// The search is a range of parked_key_due, which is empty unless the clock was set back.
const rescheduleSql = keys.change(
  keys.pick(`consumer = $1 and state = 'waiting' and ${endsTooLate('next_at', '$2')}`),
  'next_at = clock_timestamp()',
);

/** Makes keys due that are due later than after the longest wait, since the database's clock was set back. */
export async function rescheduleKeys(executor: Executor, consumer: string, longestMs: number): Promise<void> {
  await executor.query(rescheduleSql, [consumer, longestMs]);
}

/** Renews a lease. False: another drain has the key, it waits for an operator or its partition does, or it is locked. */
export async function renewLease(executor: Executor, key: LeasedKey, leaseMs: number): Promise<boolean> {
  return (await keys.renew(executor, [key], leaseMs)).length === 1;
}

const leaveSql = `
  update converge.parked_key as one
     set leased_until = '-infinity', next_at = clock_timestamp() + $5 * interval '1 millisecond' where ${keys.mine}`;

/** Returns the lease; the key is due again after `waitMs`. Does nothing when another drain has the lease. */
export async function leaveKey(executor: Executor, key: LeasedKey, waitMs: number): Promise<void> {
  await executor.query(leaveSql, [...keys.values(key), waitMs]);
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

const emptySql = `select from converge.parked where consumer = $1 and topic = $2 and line = $3 limit 1`;
const dropSql = `delete from converge.parked_key as one where ${keys.mine}`;

/**
 * Releases an empty line, whose last event an operator took out. Needs a transaction. The row is locked first, and the check
 * is a statement of its own after it: in one statement (`delete … where not exists`) the check would be older than the lock,
 * and an event that a slice had just appended would be left without its key. False: a slice has appended one. True: the key
 * is released, here or before, or another drain has it.
 */
export async function dropEmptyLine(tx: Executor, key: LeasedKey): Promise<boolean> {
  if (!(await keys.lock(tx, key))) return true;
  const left = await tx.query(emptySql, [key.consumer, key.topic, key.key]);
  if (left.rowCount !== 0) return false;
  await tx.query(dropSql, keys.values(key));
  return true;
}

const dueSql = `
  select extract(epoch from min(greatest(next_at, leased_until)) - clock_timestamp()) * 1000 as ms
    from converge.parked_key as one where consumer = $1 and ${waits}`;

/** Returns the milliseconds until the next key is due, below 0 if overdue; undefined when none waits. */
export async function nextDueMs(executor: Executor, consumer: string): Promise<number | undefined> {
  const { rows } = await executor.query<{ ms: string | null }>(dueSql, [consumer]);
  const ms = rows[0]?.ms ?? null;
  return ms === null ? undefined : Number(ms);
}
