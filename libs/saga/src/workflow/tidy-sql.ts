import type { Executor } from '@convergekit/postgres';

// Deletes ended workflows by their index, with their journals, at most 200.
const forgetSql = 'select converge.workflow_forget($1) as count';

/**
 * Deletes workflows that ended longer than `keepMs` ago, a day at least; ids may be reused. Returns the number of
 * deleted workflows.
 */
export async function forgetWorkflows(executor: Executor, keepMs: number): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const { rows } = await executor.query<{ count: string }>(forgetSql, [keepMs]);
    const count = Number(rows[0]?.count);
    forgotten += count;
    if (count < 200) return forgotten;
  }
}
