import type { Executor } from '@convergekit/postgres';

// For each span a range of the indexes of ended calls, and of steps, with a failed attempt, which have all columns: a group of all
// rows would be sorted on disk. A call that is done had one attempt that succeeded.
const countSql = `
  select (select coalesce(sum(greatest(w.attempts, 1) - (w.state = 'done')::int), 0)::int from converge.saga_work w
           where w.ended_at >= s.low and w.ended_at < s.high
             and w.ended_at is not null and (w.state = 'failed' or w.attempts > 1))
       + (select coalesce(sum(f.failed_calls), 0)::int from converge.saga_fence f
           where f.changed_at >= s.low and f.changed_at < s.high and f.failed_calls > 0) as failed
    from (select span, $1::timestamptz + span * length as low, $1::timestamptz + (span + 1) * length as high
            from (select $2::float8 * interval '1 millisecond' as length) l, generate_series(0, $3::int - 1) as span) s
   order by s.span`;

/**
 * Counts failed attempts of this database's ended calls, in the span in which each call ended or its step last changed. Empty
 * where it makes no calls.
 */
export async function countFailedCalls(
  executor: Executor,
  { from, spanMs, spans }: { readonly from: Date; readonly spanMs: number; readonly spans: number },
): Promise<readonly number[]> {
  const { rows } = await executor.query<{ present: boolean }>(
    `select to_regclass('converge.saga_work') is not null as present`,
  );
  if (rows[0]?.present !== true) return [];
  const counted = await executor.query<{ failed: number }>(countSql, [from, spanMs, spans]);
  return counted.rows.map(({ failed }) => failed);
}
