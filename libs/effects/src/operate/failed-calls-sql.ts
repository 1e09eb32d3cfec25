import type { Executor } from '@convergekit/postgres';

// For each span a range of the index of ended calls with a failed attempt, which has all columns: a group of all rows would be
// sorted on disk. A call that is done had one attempt that succeeded.
const countSql = `
  select (select coalesce(sum(greatest(w.attempts, 1) - (w.state = 'done')::int), 0)::int from converge.saga_work w
           where w.ended_at >= $1::timestamptz + span * s.length and w.ended_at < $1::timestamptz + (span + 1) * s.length
             and w.ended_at is not null and (w.state = 'failed' or w.attempts > 1)) as failed
    from (select $2::float8 * interval '1 millisecond' as length) s, generate_series(0, $3::int - 1) as span order by span`;

/** Counts failed attempts of this database's ended calls, in the span in which each call ended. Empty where it makes no calls. */
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
