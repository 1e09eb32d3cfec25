import type { Executor } from '@converge/postgres';
import type { Finding } from '../findings.ts';
import { formatMs } from '../output.ts';

export interface OpenTransaction {
  /** A process id, or the name of a prepared transaction. */
  readonly holder: string;
  readonly application: string;
  readonly database: string;
  readonly ageMs: number;
}

// Only transactions that wrote (backend_xid) or hold a snapshot (backend_xmin) keep old rows and ticks alive. The whole
// cluster counts: xmin is cluster-wide.
const sql = `
  select 'pid ' || pid as holder, coalesce(nullif(application_name, ''), usename, '?') as application,
         coalesce(datname, '?') as database,
         (extract(epoch from clock_timestamp() - xact_start) * 1000)::float8 as "ageMs"
    from pg_stat_activity
   where xact_start < clock_timestamp() - $1 * interval '1 millisecond' and pid <> pg_backend_pid()
     and (backend_xid is not null or backend_xmin is not null) and backend_type <> 'walsender'
  union all
  select 'prepared ' || gid, owner::text, database, (extract(epoch from clock_timestamp() - prepared) * 1000)::float8
    from pg_prepared_xacts where prepared < clock_timestamp() - $1 * interval '1 millisecond'
   order by 4 desc limit 5`;

export const LONG_MS = 60_000;

export async function readLongTransactions(
  executor: Executor,
  longMs = LONG_MS,
): Promise<readonly OpenTransaction[]> {
  const { rows } = await executor.query<OpenTransaction>(sql, [longMs]);
  return rows;
}

/** They hold nothing up in publishing, but retention waits for them, and tables grow. Pure. */
export function checkTransactions(found: readonly OpenTransaction[]): readonly Finding[] {
  const check = 'long transactions';
  if (found.length === 0) return [{ check, verdict: 'ok', text: `none older than ${formatMs(LONG_MS)}` }];
  return found.map(({ holder, application, database, ageMs }) => ({
    check,
    verdict: 'warn',
    text: `${holder}, ${application}, database ${database}, open for ${formatMs(ageMs)}: old rows cannot leave meanwhile`,
    next: holder.startsWith('pid ')
      ? `end it in its application, or select pg_terminate_backend(${holder.slice(4)})`
      : `commit prepared or rollback prepared it in ${database}`,
  }));
}
