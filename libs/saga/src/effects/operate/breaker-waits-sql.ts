import type { Executor } from '@convergekit/postgres';

/** Calls of one effect that wait because a breaker is open. */
export interface BreakerWait {
  readonly effect: string;
  readonly calls: number;
  /** Since when the longest of them could have been made, in milliseconds. */
  readonly oldestMs: number;
}

/** The waiting calls that are looked at: enough to see that a breaker is open, and bounded. */
const LOOKED_AT = 10_000;

// For operators. A call that a breaker refused waits by its rule; another attempt in between has a wait of its own.
const sql = `
  select effect, count(*)::int as calls,
         (extract(epoch from clock_timestamp() - min(waits_since)) * 1000)::float8 as "oldestMs"
    from (select effect, waits_since, story::json -> -1 #>> '{wait,rule}' as rule
            from converge.saga_work where state in ('ready', 'unknown') and story <> '[]' limit $1) open
   where rule = 'breaker_open' group by effect order by effect`;

/** Lists the effects whose calls wait for an open breaker. */
export async function readBreakerWaits(executor: Executor): Promise<readonly BreakerWait[]> {
  return (await executor.query<BreakerWait>(sql, [LOOKED_AT])).rows;
}
