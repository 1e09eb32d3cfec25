import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';
import type { InstanceState } from './judge.ts';

// The statement uses the index of open rows. A row that an event has locked is examined in the next round.
const expireSql = `
  update converge.saga_instance
     set expired_at = clock_timestamp(), changed_at = clock_timestamp(),
         state = case when state in ('running', 'compensating') then 'expired' else state end
   where (saga, instance) in (
     select saga, instance from converge.saga_instance
      where ended_at is null and expired_at is null and expires_at < clock_timestamp()
      order by expires_at limit 500 for update skip locked)
  returning saga, instance, key, reason`;

export interface ExpiredInstance {
  readonly saga: string;
  readonly instance: string;
  readonly key: string;
  readonly reason: string | null;
}

/** Marks those that are late by the database's clock, each once, at most 500. */
export async function expireInstances(executor: Executor): Promise<readonly ExpiredInstance[]> {
  return (await executor.query<ExpiredInstance>(expireSql)).rows;
}

// Those that have not ended are in these states, so the index on state finds them among all that ended.
const countSql = `
  select saga, state, count(*)::int as count from converge.saga_instance
   where state in ('running', 'compensating', 'stuck', 'expired') group by saga, state`;

export interface InstanceCount {
  readonly saga: string;
  readonly state: InstanceState;
  readonly count: number;
}

/** Counts instances that have not ended, by saga and state. */
export async function countOpen(executor: Executor): Promise<readonly InstanceCount[]> {
  return (await executor.query<InstanceCount>(countSql)).rows;
}

/** Instances of a saga that an observer found late, or waiting for an operator. */
export interface LateInstances extends InstanceCount {
  readonly state: Extract<InstanceState, 'expired' | 'stuck'>;
  readonly since: Date;
}

/** The instances that are counted: enough to see what is late, and bounded. */
const LOOKED_AT = 10_000;

// By the indexes on state and on what is open. A step that is stuck in this database says so itself; the observer's state is for those
// of other databases. A watch marks what is late within seconds: where none runs, an instance keeps the state of before.
const lateSql = `
  select saga, state, count(*)::int as count, min(at) as since
    from ((select saga, state, coalesce(expired_at, changed_at) as at from converge.saga_instance i
            where state = 'expired' or state = 'stuck' and not exists (
              select from converge.saga_fence f where f.saga = i.saga and f.instance = i.instance and f.stuck_since is not null)
            limit ${LOOKED_AT})
          union all
          (select saga, 'expired', expires_at from converge.saga_instance
            where ended_at is null and expired_at is null and state in ('running', 'compensating')
              and expires_at < clock_timestamp() - interval '1 minute'
            limit ${LOOKED_AT})) late
   group by saga, state order by saga, state`;

/** Counts the instances that are expired or stuck by what their observer read. None where the database has no sagas. */
export async function readLateInstances(executor: Executor): Promise<readonly LateInstances[]> {
  if (!(await hasTables(executor, 'converge.saga_instance'))) return [];
  return (await executor.query<LateInstances>(lateSql)).rows;
}

/** Instances that have ended, for retention. */
export const ENDED = { table: 'converge.saga_instance', at: 'ended_at', key: 'ctid' };
