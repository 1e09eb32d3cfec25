import type { Client } from 'pg';

/** The work of the databases of a server so far. */
export type DatabaseWork = Awaited<ReturnType<typeof readDatabaseWork>>;

// Only the databases of sides are counted: the session that reads is in `postgres`. Commits are reported by a session
// up to a second after the transaction; the caller waits.
const COUNTERS = `
  select (select sum(xact_commit + xact_rollback) from pg_stat_database
           where datname is not null and datname not in ('postgres', 'template0', 'template1')) as transactions,
         pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') as wal_bytes`;
const STATEMENTS = `
  select coalesce(sum(s.calls), 0) as statements
    from pg_stat_statements s join pg_database d on d.oid = s.dbid
   where s.toplevel and d.datname not in ('postgres', 'template0', 'template1')`;

export async function readDatabaseWork(client: Client, statements: boolean) {
  const counters = await client.query<{ transactions: string | null; wal_bytes: string }>(COUNTERS);
  const [row] = counters.rows;
  const counted = statements ? (await client.query<{ statements: string }>(STATEMENTS)).rows[0] : undefined;
  return {
    /** NaN without pg_stat_statements. */
    statements: counted === undefined ? Number.NaN : Number(counted.statements),
    transactions: Number(row?.transactions ?? 0),
    walBytes: Number(row?.wal_bytes ?? Number.NaN),
  };
}

export async function backendOf(client: Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]?.pid ?? 0;
}

/** Has pg_stat_statements count, where the server has loaded it. Returns false where it has not. */
export async function countStatements(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ loaded: string }>(
    `select current_setting('shared_preload_libraries') as loaded`,
  );
  if (rows[0]?.loaded.includes('pg_stat_statements') !== true) return false;
  await client.query('create extension if not exists pg_stat_statements');
  await client.query(`alter system set pg_stat_statements.track = 'top'`);
  await client.query('select pg_reload_conf()');
  return true;
}

export async function stopCounting(client: Client): Promise<void> {
  await client.query('alter system reset pg_stat_statements.track');
  await client.query('select pg_reload_conf()');
}

/** Forgets the statements of earlier sides: the extension keeps a bounded number. */
export async function forgetStatements(client: Client): Promise<void> {
  await client.query('select pg_stat_statements_reset()');
}
