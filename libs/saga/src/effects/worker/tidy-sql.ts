import type { Executor } from '@convergekit/postgres';

// Deletes ended rows by their index, a thousand at a time, so that no transaction is long.
const forgetSql = `
  delete from converge.saga_work where id in (
    select id from converge.saga_work
     where ended_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
     order by ended_at limit 1000 for update skip locked)`;

/** Deletes ended intents that are older than `keepMs`. Returns how many. */
export async function forgetEnded(executor: Executor, keepMs: number): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const { rowCount } = await executor.query(forgetSql, [keepMs]);
    forgotten += rowCount;
    if (rowCount < 1000) return forgotten;
  }
}

const undeclaredSql = `
  select effect, count(*)::int as count from converge.saga_work
   where state in ('ready', 'calling', 'unknown', 'answered') and effect <> all ($1::text[])
     and due_at < clock_timestamp() - $2::float8 * interval '1 millisecond'
   group by effect order by effect`;

/** Intents that have been due for `waitedMs`, of effects that are not among the declared ones. */
export async function countUndeclared(
  executor: Executor,
  declared: readonly string[],
  waitedMs: number,
): Promise<readonly { readonly effect: string; readonly count: number }[]> {
  const { rows } = await executor.query<{ effect: string; count: number }>(undeclaredSql, [
    declared,
    waitedMs,
  ]);
  return rows;
}

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
