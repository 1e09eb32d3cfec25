import type { Executor } from '@convergekit/postgres';
import { type GivenColumns, SERVER_STARTED } from '@convergekit/postgres/engine';
import { GIVE_UP_LIMIT, PAUSED } from '../alarms.ts';

export interface PartitionKey {
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
}

/** A partition of any consumer. */
export type Place = Omit<PartitionKey, 'consumer'>;

/** The columns of places that a statement is given. */
export const placeColumns: GivenColumns<Place> = {
  topic: ['text', ({ topic }) => topic],
  partition: ['int', ({ partition }) => partition],
};

/** The position of a partition in the log, and among filled events, which have no offset. */
export interface Stand {
  readonly nextOffset: bigint;
  /** Slices of filled events so far, and acts of operators that may have moved the offset back. */
  readonly fills: bigint;
}

/** A position as it was read from the database, or committed there. */
export interface Saved extends Stand {
  /** The database that has it: what a promoted standby or a restored one has under the same numbers is another past. */
  readonly server: string;
}

/** The database that answers, by the start of its server and its oid. */
export const THIS_SERVER = `(select concat(${SERVER_STARTED}, '/', oid) from pg_database where datname = current_database())`;

/** The reason why a partition stops until an operator acts. */
export interface Halt {
  readonly code: string;
  readonly reason: string;
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
  halt: Halt,
  /** The record that could not be passed, where it was one. */
  at: bigint | undefined,
): Promise<boolean> {
  const { rowCount } = await executor.query(haltSql, [
    ...[key.consumer, key.topic, key.partition, `${expected}`],
    ...[halt.code, halt.reason, at === undefined ? null : `${at}`],
  ]);
  return rowCount === 1;
}

/** The condition that a partition is paused, by an operator or for faults: no handler is called, also for parked events. */
export const isPaused = `coalesce(paused or halted_code in ('${PAUSED}', '${GIVE_UP_LIMIT}'), false)`;

// The row is the fence of slices: a present slice ends first, and the next one finds the partition halted. Locked in the order of
// the primary key, as every other lock on several of them. Not `for update`: that would wait for drains, of which there may always
// be one.
const haltSeveralSql = `
  with found as (
    select consumer, topic, partition from converge.inbox_partition
     where consumer = $1 and ($4::text is null or topic = $4)
       and (state = 'running' or $5 and not ${isPaused})
     order by consumer, topic, partition for no key update)
  update converge.inbox_partition p
     set state = 'halted', halted_code = coalesce(halted_code, $2), halted_reason = concat_ws('. Besides, ', halted_reason, $3::text),
         halted_at = coalesce(halted_at, clock_timestamp()), paused = p.state = 'halted'
    from found f where (p.consumer, p.topic, p.partition) = (f.consumer, f.topic, f.partition)
  returning p.topic, p.partition, p.next_offset::text as next, p.halted_code as halted`;

interface HaltedRow {
  readonly topic: string;
  readonly partition: number;
  readonly next: string;
  /** The code with which it is halted: the given one, or that of before. */
  readonly halted: string;
}

/** Halts the running partitions of a consumer. `all`: pauses the halted ones as well, which keep their reason. */
export async function haltPartitions(
  tx: Executor,
  { consumer, topic }: Which,
  { code, reason }: Halt,
  { all = false }: { readonly all?: boolean } = {},
): Promise<readonly HaltedRow[]> {
  const values = [consumer, code, reason, topic ?? null, all];
  return (await tx.query<HaltedRow>(haltSeveralSql, values)).rows;
}

const drainsSql = `
  select from converge.inbox_partition where consumer = $1 and ($2::text is null or topic = $2)
   order by consumer, topic, partition for update`;

/** Waits until the handlers of parked events end that began before the partitions were paused. Then none begins. */
export async function drainsEnded(tx: Executor, { consumer, topic }: Which): Promise<void> {
  await tx.query(drainsSql, [consumer, topic ?? null]);
}

interface Which {
  readonly consumer: string;
  readonly topic?: string | undefined;
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
