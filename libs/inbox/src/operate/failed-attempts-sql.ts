import type { Executor } from '@convergekit/postgres';

/** The failed attempts of handlers in a span of time. */
export interface FailedAttempts {
  /** The number of the span, from 0. */
  readonly span: number;
  readonly failed: number;
}

// A range of the index on started_at. Only events that failed once have rows.
const countSql = `
  select floor((extract(epoch from started_at - $1::timestamptz) * 1000)::float8 / $3::float8)::int as span, count(*)::int as failed
    from converge.inbox_attempt where started_at >= $1 and started_at < $2 and outcome <> 'applied' group by 1 order by 1`;

/** Counts failed attempts of this database's handlers in spans of equal length. None where it has no consumers. */
export async function countFailedAttempts(
  executor: Executor,
  { from, to, spanMs }: { readonly from: Date; readonly to: Date; readonly spanMs: number },
): Promise<readonly FailedAttempts[]> {
  const { rows } = await executor.query<{ present: boolean }>(
    `select to_regclass('converge.inbox_attempt') is not null as present`,
  );
  if (rows[0]?.present !== true) return [];
  return (await executor.query<FailedAttempts>(countSql, [from, to, spanMs])).rows;
}
