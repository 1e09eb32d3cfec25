import type { Executor } from '@convergekit/postgres';

/**
 * Counts the commits that have waited for a synchronous standby for 2 s or longer, as far as this login may see. It reads
 * no table of the kit: a commit that waits holds its locks, also that of a new child of the outbox, on which a survey waits.
 */
export async function countWaitingCommits(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ commits: number }>(`
    select count(*)::int as commits from pg_stat_activity
     where datname = current_database() and wait_event = 'SyncRep'
       and query_start < clock_timestamp() - interval '2 s'`);
  return rows[0]?.commits ?? 0;
}
