import type { QueryResult } from 'pg';

/** A server session, identified among all past and future ones. */
export interface Session {
  readonly pid: number;
  /** Start time in seconds since 1970, as Postgres prints it: to the microsecond. */
  readonly startedAt: string;
  /** True when its transactions are read committed and writable by default. @default false */
  readonly isPlain?: boolean;
}

// Runs in an application's session, so it depends on no setting.
const SESSION = `
  select pid, extract(epoch from backend_start)::pg_catalog.text as "startedAt",
         pg_catalog.current_setting('default_transaction_isolation') operator(pg_catalog.=) 'read committed'
           and pg_catalog.current_setting('default_transaction_read_only') operator(pg_catalog.=) 'off' as "isPlain"
    from pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())`;

/** The session of a connection, as far as it is known. */
export interface KnownSession {
  /** Queries the session once, at first need; undefined until the answer arrives. */
  session(): Session | undefined;
  /** Returns the session if its answer has arrived, and never queries it. */
  known(): Session | undefined;
}

export function sessionOf(
  query: (text: string) => Promise<QueryResult>,
  announcedPid: number | undefined,
): KnownSession {
  let asked = false;
  let known: Session | undefined;
  const session = (): Session | undefined => {
    if (!asked) {
      asked = true;
      query(SESSION).then(
        ({ rows: [row] }: QueryResult<Session & object>) => {
          // A process id other than the announced one ends the look-up: a pooler assigns sessions freely.
          if (row?.pid === announcedPid) known = row;
        },
        () => undefined,
      );
    }
    return known;
  };
  return { session, known: () => known };
}
