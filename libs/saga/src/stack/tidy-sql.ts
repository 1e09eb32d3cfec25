import type { Executor } from '@convergekit/postgres';

// By the ends' own index, with their journals, at most 200.
const forgetSql = 'select converge.saga_forget_stacks($1) as count';

/** Forgets stacks that ended longer than `keepMs` ago, a day at least; their ids may be used again. Returns how many. */
export async function forgetStacks(executor: Executor, keepMs: number): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const { rows } = await executor.query<{ count: string }>(forgetSql, [keepMs]);
    const count = Number(rows[0]?.count);
    forgotten += count;
    if (count < 200) return forgotten;
  }
}

// By saga_stack_due.
const overdueSql = `
  select stack, count(*)::int as count from converge.saga_stack
   where due_at < clock_timestamp() - $1::float8 * interval '1 millisecond' group by stack order by stack`;

/** Stacks that have been due for `waitedMs`: no worker goes on with them. */
export async function countOverdue(
  executor: Executor,
  waitedMs: number,
): Promise<readonly { readonly stack: string; readonly count: number }[]> {
  return (await executor.query<{ stack: string; count: number }>(overdueSql, [waitedMs])).rows;
}
