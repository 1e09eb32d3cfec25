import type { Executor } from '@convergekit/postgres';
import { namesSql } from '../calls/journal/runs-sql.ts';
import type { Facts } from './facts.ts';
import type { InstanceState } from './judge.ts';

export interface LockedInstance {
  readonly version: number;
  /** Null where no fact was known before. */
  readonly facts: Facts | null;
  readonly expiredAt: Date | null;
}

// Locks a new or found row by the primary key. Two partitions with events of one instance wait for each other here.
const lockSql = `
  insert into converge.saga_instance as i (saga, instance, version, key, state, facts, first_at, trace_id)
    values ($1, $2, $3, $4, 'running', 'null', $5, $6)
    on conflict (saga, instance) do update set changed_at = i.changed_at
    returning version, facts, expired_at as "expiredAt"`;

export async function lockInstance(
  executor: Executor,
  of: {
    readonly saga: string;
    readonly instance: string;
    readonly version: number;
    readonly key: string;
    readonly at: string;
    /** The trace of the event that came first; null: it was not traced. */
    readonly traceId: string | null;
  },
): Promise<LockedInstance> {
  const given = [of.saga, of.instance, of.version, of.key, of.at, of.traceId];
  const { rows } = await executor.query<LockedInstance & { readonly facts: string }>(lockSql, given);
  const [row] = rows;
  if (row === undefined) throw new TypeError('an insert that returns nothing');
  return { ...row, facts: JSON.parse(row.facts) as Facts | null };
}

export interface InstanceRow {
  readonly saga: string;
  readonly instance: string;
  readonly version: number;
  readonly state: InstanceState;
  readonly reason: string | null;
  readonly facts: string;
  readonly startedAt: string | null;
  readonly firstAt: string;
  readonly failedAt: string | null;
  readonly endedAt: string | null;
  readonly expiresAt: string;
}

// Writes a locked row by the primary key.
const writeSql = `
  update converge.saga_instance
     set version = $3, state = $4, reason = $5, facts = $6, started_at = $7, first_at = $8, failed_at = $9, ended_at = $10,
         expires_at = $11, changed_at = clock_timestamp()
   where saga = $1 and instance = $2`;

export async function writeInstance(executor: Executor, row: InstanceRow): Promise<void> {
  const { startedAt, firstAt, failedAt, endedAt, expiresAt } = row;
  const times = [startedAt, firstAt, failedAt, endedAt, expiresAt];
  const state = [row.saga, row.instance, row.version, row.state, row.reason, row.facts];
  await executor.query(writeSql, [...state, ...times]);
}

/** An instance, as shown to operators. */
export interface InstanceView {
  readonly saga: string;
  readonly instance: string;
  readonly version: number;
  readonly key: string;
  readonly state: InstanceState;
  readonly reason: string | null;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  readonly expiredAt: Date | null;
  readonly changedAt: Date;
}

export interface InstanceDetail extends InstanceView {
  readonly facts: Facts;
}

/** The columns of an `InstanceView`. */
export const INSTANCE_COLUMNS = `saga, instance, version, key, state, reason, coalesce(started_at, first_at) as "startedAt",
  ended_at as "endedAt", expired_at as "expiredAt", changed_at as "changedAt"`;

interface InstanceFilter {
  /** @default all */
  readonly states?: readonly InstanceState[] | undefined;
  readonly saga?: string | undefined;
  readonly key?: string | undefined;
  readonly limit: number;
}

/** Lists instances, latest change first. The index on state is used where states are given; for operators. */
export async function listInstances(
  executor: Executor,
  { states, saga, key, limit }: InstanceFilter,
): Promise<readonly InstanceView[]> {
  const { rows } = await executor.query<InstanceView>(
    `select ${INSTANCE_COLUMNS} from converge.saga_instance
      where ($1::text[] is null or state = any ($1)) and ($2::text is null or saga = $2) and ($3::text is null or key = $3)
      order by changed_at desc limit $4`,
    [states ?? null, saga ?? null, key ?? null, limit],
  );
  return rows;
}

/** Reads an instance as the observer of this database knows it; undefined: it knows none. */
export async function readInstance(
  executor: Executor,
  instance: string,
): Promise<InstanceDetail | undefined> {
  const { rows } = await executor.query<InstanceView & { readonly facts: string }>(
    `select ${INSTANCE_COLUMNS}, facts from converge.saga_instance
      where instance = $1 and saga = any (array(${namesSql('saga_instance')}))`,
    [instance],
  );
  const [row] = rows;
  return row && { ...row, facts: JSON.parse(row.facts) as Facts };
}
