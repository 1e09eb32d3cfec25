import type { Executor } from '@convergekit/postgres';

// By the ends' own index, with their journals, at most 200.
const forgetSql = 'select converge.workflow_forget($1) as count';

/** Forgets workflows that ended longer than `keepMs` ago, a day at least; their ids may be used again. Returns how many. */
export async function forgetWorkflows(executor: Executor, keepMs: number): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const { rows } = await executor.query<{ count: string }>(forgetSql, [keepMs]);
    const count = Number(rows[0]?.count);
    forgotten += count;
    if (count < 200) return forgotten;
  }
}
