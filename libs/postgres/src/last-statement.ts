import type { Transaction } from 'kysely';
import type { QueryResult } from 'pg';
import { connectionOf } from './after-commit.ts';
import { copyValues } from './notify/commit-marks.ts';
import { rawQuery } from './raw-query.ts';

/** A server session, identified among all past and future ones. */
export interface Session {
  readonly pid: number;
  /** Start time in seconds since 1970, as Postgres prints it: to the microsecond. */
  readonly startedAt: string;
  /** True when its transactions are read committed and writable by default. @default false */
  readonly isPlain?: boolean;
}

export interface LastStatement<R> {
  /** The session in which the statement runs directly before COMMIT; undefined when it was sent at once. */
  readonly session: Session | undefined;
  /**
   * The rows of the statement. A statement with a session is answered together with COMMIT: do not await the rows
   * before the transaction ends. If the statement fails, COMMIT is not run and rejects with the same error.
   */
  readonly answer: Promise<readonly R[]>;
}

/**
 * True when the last statement failed, and not the COMMIT that it was sent with. `error` is the one with which COMMIT
 * rejected, as the server sent it.
 */
export function failedWithCommit(error: unknown): boolean {
  return failedLast.has(error as object);
}

/** Marks the error of a last statement that was sent with COMMIT. */
export function lastFailed(error: unknown): void {
  if (typeof error === 'object' && error !== null) failedLast.add(error);
}

const failedLast = new WeakSet<object>();

export interface NamedStatement {
  /** A name that is unique among the kit's statements: a session keeps it parsed. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Receives the session and returns the statement's name; undefined: send it at once. */
type SessionListener = (session: Session) => string | undefined;

/** Listeners of last statements, by the values array: the only object that Kysely passes to the connection. */
const lastOnes = new WeakMap<readonly unknown[], SessionListener>();

/** Returns the listener of a statement that is to be sent with COMMIT in its own session. */
export function waitsForCommit(values: readonly unknown[]): SessionListener | undefined {
  return lastOnes.get(values);
}

/**
 * Sends the last statement of a transaction together with its COMMIT, which saves a round trip.
 * If the connection is lost, the statement's outcome is unknown, so the caller gets the session: once it has ended or is
 * idle, nothing more can happen. On connections of another pool or behind a pooler, and if `waits` declines the session,
 * the statement is sent at once.
 */
export async function sendLast<R, DB = unknown>(
  tx: Transaction<DB>,
  { name, text, values }: NamedStatement,
  waits: (session: Session) => boolean = () => true,
): Promise<LastStatement<R>> {
  const connection = await connectionOf(tx);
  const marked = copyValues(values);
  let session: Session | undefined;
  lastOnes.set(marked, (started) => {
    if (!waits(started)) return undefined;
    session = started;
    return name;
  });
  const answer = connection.executeQuery<R>(rawQuery(text, marked)).then(({ rows }) => rows);
  answer.catch(() => undefined);
  return { session, answer };
}

// Runs in an application's session, so it depends on no setting.
const SESSION = `
  select pid, extract(epoch from backend_start)::pg_catalog.text as "startedAt",
         pg_catalog.current_setting('default_transaction_isolation') operator(pg_catalog.=) 'read committed'
           and pg_catalog.current_setting('default_transaction_read_only') operator(pg_catalog.=) 'off' as "isPlain"
    from pg_catalog.pg_stat_activity
   where pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()`;

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
