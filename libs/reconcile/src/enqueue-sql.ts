import type { Executor } from '@convergekit/postgres';
import { type Operator, recordActSql } from '@convergekit/postgres/operate';

/** The reason of a run, by urgency: the smaller number goes first. */
const PRIORITIES = { operator: 0, event: 1, retry: 2, sweep: 3 } as const;
export type Priority = keyof typeof PRIORITIES;

export interface EnqueueRequest {
  readonly reconciler: string;
  readonly keys: readonly string[];
  readonly priority: Priority;
  /** The cause for the audit: `event <id>`, `sweep`, `operator <name>`. */
  readonly cause: string;
  readonly quietMs: number;
  readonly maxWaitMs: number;
}

// Rows are locked in key order, so two reports of the same keys cannot deadlock. Trailing debounce: each report moves the
// run to quietMs from now, but never past maxWaitMs after the first. A sweep neither hurries nor delays a waiting key, and
// skips terminal keys: nothing has changed for them.
const enqueueSql = `
  insert into converge.reconcile_key as k (reconciler, key, state, priority, next_at, window_started_at, cause)
  select $1, listed.key, 'queued', $3, clock_timestamp() + $5 * interval '1 millisecond', clock_timestamp(), $4
    from (select distinct unnest($2::text[]) as key order by 1) as listed
  on conflict (reconciler, key) do update set
    dirty = k.dirty or k.state = 'running',
    state = case k.state when 'running' then 'running' else 'queued' end,
    priority = case k.state when 'queued' then least(k.priority, excluded.priority) else excluded.priority end,
    cause = case when k.state = 'queued' and k.priority < excluded.priority then k.cause else excluded.cause end,
    next_at = case
      when k.state <> 'queued' then excluded.next_at
      when excluded.priority = 3 then k.next_at
      when excluded.priority = 0 or k.window_started_at is null then least(k.next_at, excluded.next_at)
      else least(excluded.next_at, k.window_started_at + $6 * interval '1 millisecond')
    end,
    -- An operator's request lets a key that was given up start again.
    failures = case when k.state = 'terminal' and excluded.priority = 0 then 0 else k.failures end,
    repairs = case when k.state = 'terminal' and excluded.priority = 0 then 0 else k.repairs end,
    window_started_at = case when excluded.priority = 3 then k.window_started_at
      when k.state = 'queued' then coalesce(k.window_started_at, excluded.window_started_at)
      else excluded.window_started_at end,
    updated_at = clock_timestamp()
  where k.state <> 'terminal' or excluded.priority < 3`;

export async function enqueueKeys(executor: Executor, request: EnqueueRequest): Promise<void> {
  const { reconciler, keys, priority, cause, quietMs, maxWaitMs } = request;
  if (keys.length === 0) return;
  const quiet = priority === 'operator' || priority === 'sweep' ? 0 : quietMs;
  await executor.query(enqueueSql, [reconciler, keys, PRIORITIES[priority], cause, quiet, maxWaitMs]);
}

/** The most keys of one statement of `enqueueAll`. */
const CHUNK = 1_000;

/** Queues any number of keys, some at a time. */
export async function enqueueAll(executor: Executor, { keys, ...request }: EnqueueRequest): Promise<void> {
  for (let from = 0; from < keys.length; from += CHUNK)
    await enqueueKeys(executor, { ...request, keys: keys.slice(from, from + CHUNK) });
}

const retrySql = `
  with retried as (${enqueueSql} returning k.key)
  select ${recordActSql('reconcile retry', { subject: '$1', by: '$7', reason: '$8', before: `jsonb_build_object('key', key)` })} from retried`;

/**
 * Queues keys before all others for an operator, also those that were given up, with one row each in the audit of
 * operators.
 */
export async function retryKeys(
  executor: Executor,
  reconciler: string,
  keys: readonly string[],
  { by, reason }: Operator,
): Promise<void> {
  if (keys.length === 0) return;
  const cause = `operator ${by}: ${reason}`;
  await executor.query(retrySql, [reconciler, keys, PRIORITIES.operator, cause, 0, 0, by, reason]);
}
