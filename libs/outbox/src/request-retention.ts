import type { Executor } from '@convergekit/postgres';

// Deletes expired request keys in bounded batches, by the index on created_at. One delete of millions of rows would
// hold its snapshot, and delay the vacuum of every table. Locked rows are deleted at the next run.
const deleteSql = `
  delete from converge.request
   where key = any (array(select key from converge.request
                           where created_at < clock_timestamp() - $1 * interval '1 millisecond'
                           order by created_at limit $2 for update skip locked))`;

/** Deletes requests answered more than `retainMs` ago, at most `limit`. Returns their number. */
export async function forgetRequests(executor: Executor, retainMs: number, limit: number): Promise<number> {
  return (await executor.query(deleteSql, [retainMs, limit])).rowCount;
}
