import type { Executor } from '@converge/postgres';

// By the ends' own index, with their journals; few at a time, so that no transaction is long.
const forgetSql = `
  delete from converge.saga_stack where (stack, id) in (
    select stack, id from converge.saga_stack
     where ended_at < clock_timestamp() - $1::float8 * interval '1 millisecond'
     order by ended_at limit 200 for update skip locked)`;

/** Forgets stacks that ended longer than `keepMs` ago; their ids may be used again. Returns how many. */
export async function forgetStacks(executor: Executor, keepMs: number): Promise<number> {
  let forgotten = 0;
  for (;;) {
    const { rowCount } = await executor.query(forgetSql, [keepMs]);
    forgotten += rowCount;
    if (rowCount < 200) return forgotten;
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
