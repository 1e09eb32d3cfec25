import type { Executor } from '@convergekit/postgres';

// By the index on created_at, a bounded piece at a time: a delete of millions of rows in one statement would hold its
// snapshot, and with it the cleaning of every table, for as long. Rows that somebody has locked wait for the next time.
const deleteSql = `
  delete from converge.request
   where key = any (array(select key from converge.request
                           where created_at < clock_timestamp() - $1 * interval '1 millisecond'
                           order by created_at limit $2 for update skip locked))`;

/** Forgets requests answered longer than `retainMs` ago, at most `limit`. Returns how many. */
export async function forgetRequests(executor: Executor, retainMs: number, limit: number): Promise<number> {
  return (await executor.query(deleteSql, [retainMs, limit])).rowCount;
}
