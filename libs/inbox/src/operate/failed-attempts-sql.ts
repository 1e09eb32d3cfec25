import type { Executor } from '@convergekit/postgres';

// A range of the index on started_at for each span: a group of all rows would be sorted on disk. Only events that failed once have rows.
const countSql = `
  select (select count(*)::int from converge.inbox_attempt a
           where a.started_at >= $1::timestamptz + span * s.length and a.started_at < $1::timestamptz + (span + 1) * s.length
             and a.outcome <> 'applied') as failed
    from (select $2::float8 * interval '1 millisecond' as length) s, generate_series(0, $3::int - 1) as span order by span`;

/** Counts failed attempts of this database's handlers, span by span. Empty where it has no consumers. */
export async function countFailedAttempts(
  executor: Executor,
  { from, spanMs, spans }: { readonly from: Date; readonly spanMs: number; readonly spans: number },
): Promise<readonly number[]> {
  const { rows } = await executor.query<{ present: boolean }>(
    `select to_regclass('converge.inbox_attempt') is not null as present`,
  );
  if (rows[0]?.present !== true) return [];
  const counted = await executor.query<{ failed: number }>(countSql, [from, spanMs, spans]);
  return counted.rows.map(({ failed }) => failed);
}
