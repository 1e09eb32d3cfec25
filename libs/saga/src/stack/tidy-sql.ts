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
