import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';

// The search uses workflow_due.
const overdueSql = `
  select workflow, count(*)::int as count from converge.workflow
   where due_at < clock_timestamp() - $1::float8 * interval '1 millisecond' group by workflow order by workflow`;

/** Logs the alarm `workflow_overdue` for workflows that have been due for `waitedMs`: no worker continues them. */
export async function alertOverdueWorkflows(
  executor: Executor,
  log: Logger,
  waitedMs: number,
): Promise<void> {
  const { rows } = await executor.query<{ workflow: string; count: number }>(overdueSql, [waitedMs]);
  for (const { workflow, count } of rows)
    log.error(
      { alarm: 'workflow_overdue', workflow, count },
      'workflows are due and no worker continues them: run the worker of the service that declares them',
    );
}
