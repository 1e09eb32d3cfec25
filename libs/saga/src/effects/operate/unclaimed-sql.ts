import type { Executor } from '@convergekit/postgres';
import { WORKER_GONE_MS } from '../work/worker-sql.ts';

/** Due intents of one effect that no worker claims. */
export interface UnclaimedWork {
  readonly effect: string;
  readonly intents: number;
  readonly oldestMs: number;
}

// Reads the open intents, for operators; a worker says each minute that it is there.
const sql = `
  select effect, count(*)::int as intents,
         (extract(epoch from clock_timestamp() - min(waits_since)) * 1000)::float8 as "oldestMs"
    from converge.saga_work work
   where state in ('ready', 'calling', 'unknown', 'answered')
     and waits_since < clock_timestamp() - $1::float8 * interval '1 millisecond'
     and due_at < clock_timestamp()
     and not exists (select from converge.saga_worker worker
                      where worker.effect = work.effect
                        and worker.seen_at > clock_timestamp() - $2::float8 * interval '1 millisecond')
   group by effect order by effect`;

/** Lists the effects with intents that have been due for longer than `afterMs` while no worker of them is there. */
export async function readUnclaimedWork(
  executor: Executor,
  { afterMs }: { readonly afterMs: number },
): Promise<readonly UnclaimedWork[]> {
  return (await executor.query<UnclaimedWork>(sql, [afterMs, WORKER_GONE_MS])).rows;
}
