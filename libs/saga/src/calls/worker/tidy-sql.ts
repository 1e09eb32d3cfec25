import type { Executor } from '@convergekit/postgres';

/** Intents that have ended, for retention. */
export const ENDED = { table: 'converge.saga_work', at: 'ended_at' };

/** A pause of a saga that lasts longer than a bound. */
export interface LongPause {
  readonly saga: string;
  readonly instance: string;
  readonly since: string;
  readonly by: string;
  readonly reason: string;
}

const longPausesSql = `
  select saga, instance, paused_at::text as since, by, reason from converge.saga_pause
   where paused_at < clock_timestamp() - $1::float8 * interval '1 millisecond' order by paused_at limit 200`;

/** Reads the pauses of sagas that have lasted longer than `boundMs`, the oldest first. */
export async function readLongPauses(executor: Executor, boundMs: number): Promise<readonly LongPause[]> {
  return (await executor.query<LongPause>(longPausesSql, [boundMs])).rows;
}

const pausesSql = `select saga, count(*)::int as count from converge.saga_pause group by saga order by saga`;

/** Counts the pauses of each saga, those of single instances too. */
export async function countPauses(
  executor: Executor,
): Promise<readonly { readonly saga: string; readonly count: number }[]> {
  return (await executor.query<{ saga: string; count: number }>(pausesSql)).rows;
}

// The search uses workflow_due.
const overdueWorkflowsSql = `
  select workflow, count(*)::int as count from converge.workflow
   where due_at < clock_timestamp() - $1::float8 * interval '1 millisecond' group by workflow order by workflow`;

/** Counts workflows that have been due for `waitedMs`, by name. */
export async function countOverdueWorkflows(
  executor: Executor,
  waitedMs: number,
): Promise<readonly { readonly workflow: string; readonly count: number }[]> {
  const { rows } = await executor.query<{ workflow: string; count: number }>(overdueWorkflowsSql, [waitedMs]);
  return rows;
}
