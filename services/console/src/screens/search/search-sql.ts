import type { Executor } from '@convergekit/postgres';
import type { SearchAnswer } from './schemas.ts';

const MOST = 100;

/** A row of a kind of answers, before the name of its database is added. */
type Found<Kind extends 'open' | 'drift'> = Omit<SearchAnswer[Kind][number], 'database'>;

// Both arms use the partial indexes on the key of what is open.
const openSql = `
  select * from (
    select 'step' as kind, saga as name, instance as id, step, state, coalesce(reason_code || ': ' || reason, reason_code) as reason,
           coalesce(stuck_since, changed_at) as since
      from converge.saga_fence where key = $1 and state in ('started', 'unknown', 'undo_pending', 'stuck')
    union all
    select 'call', call, id::text, step, state, stuck_reason, waits_since
      from converge.saga_work where key = $1 and saga is null and state in ('ready', 'calling', 'unknown', 'answered', 'stuck')
  ) as found order by since limit ${MOST}`;

/** Finds the open steps and calls of a key. */
export async function findOpen(executor: Executor, key: string): Promise<readonly Found<'open'>[]> {
  return (await executor.query<Found<'open'>>(openSql, [key])).rows;
}

// By the primary key, once for each reconciler.
const driftSql = `
  select k.reconciler, k.key, k.state, k.reason, k.next_at as "nextAt"
    from converge.reconciler r join converge.reconcile_key k on k.reconciler = r.name and k.key = $1
   order by k.reconciler limit ${MOST}`;

/** Finds the reconcilers that have a key in their queue. */
export async function findDrift(executor: Executor, key: string): Promise<readonly Found<'drift'>[]> {
  return (await executor.query<Found<'drift'>>(driftSql, [key])).rows;
}

const payloadSql = `select payload from converge.outbox where id = $1::bigint and event_id = $2::uuid`;

/** Reads the payload of an event by its row; undefined when the row was dropped. */
export async function readPayload(
  executor: Executor,
  row: string,
  eventId: string,
): Promise<string | undefined> {
  return (await executor.query<{ payload: string }>(payloadSql, [row, eventId])).rows[0]?.payload;
}
