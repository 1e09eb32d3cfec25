import type { Executor } from '@convergekit/postgres';
import type { Logger } from '@convergekit/telemetry';

// By saga_stack_due.
const overdueSql = `
  select stack, count(*)::int as count from converge.saga_stack
   where due_at < clock_timestamp() - $1::float8 * interval '1 millisecond' group by stack order by stack`;

/** Logs the alarm `stack_overdue` for stacks that have been due for `waitedMs`: no worker continues them. */
export async function alertOverdueStacks(executor: Executor, log: Logger, waitedMs: number): Promise<void> {
  const { rows } = await executor.query<{ stack: string; count: number }>(overdueSql, [waitedMs]);
  for (const { stack, count } of rows)
    log.error(
      { alarm: 'stack_overdue', stack, count },
      'stacks are due and no worker goes on with them: run the worker of the service that declares them',
    );
}
