import type { Executor } from '@convergekit/postgres';

/** The failed attempts of calls that ended in a span of time: each call counts where it ended. */
export interface FailedCalls {
  /** The number of the span, from 0. */
  readonly span: number;
  readonly failed: number;
}

// A range of the index of ended calls with a failed attempt, which has all columns. A call that is done had one that succeeded.
const countSql = `
  select floor((extract(epoch from ended_at - $1::timestamptz) * 1000)::float8 / $3::float8)::int as span,
         sum(greatest(attempts, 1) - (state = 'done')::int)::int as failed
    from converge.saga_work
   where ended_at >= $1 and ended_at < $2 and ended_at is not null and (state = 'failed' or attempts > 1) group by 1 order by 1`;

/** Counts failed attempts of this database's ended calls in spans of equal length. None where it makes no calls. */
export async function countFailedCalls(
  executor: Executor,
  { from, to, spanMs }: { readonly from: Date; readonly to: Date; readonly spanMs: number },
): Promise<readonly FailedCalls[]> {
  const { rows } = await executor.query<{ present: boolean }>(
    `select to_regclass('converge.saga_work') is not null as present`,
  );
  if (rows[0]?.present !== true) return [];
  return (await executor.query<FailedCalls>(countSql, [from, to, spanMs])).rows;
}
