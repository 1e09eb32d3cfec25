import { CompiledQuery, type Transaction } from 'kysely';
import type { QueryResult } from 'pg';

/** A session of the server, known from all that there were and will be. */
export interface Session {
  readonly pid: number;
  /** Seconds since 1970, as Postgres gives them: to the microsecond. */
  readonly startedAt: string;
}

export interface LastStatement<R> {
  /** The session in which it runs right before COMMIT. undefined: it was sent at once, as any other. */
  readonly session: Session | undefined;
  /**
   * Comes with the answer of COMMIT where there is a session: do not await it before the transaction ends. When it fails,
   * COMMIT is not run, and fails with the same error.
   */
  readonly answer: Promise<readonly R[]>;
}

export interface NamedStatement {
  /** Unique among the kit's statements: a session keeps it parsed. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Gets the session, gives the name of the statement; undefined: send it at once. */
type Told = (session: Session) => string | undefined;

/** By the very array of its values: all else that Kysely hands on to the connection is text. */
const lastOnes = new WeakMap<readonly unknown[], Told>();

/** Whom to tell in which session these values will be sent with COMMIT, under a name: the session is nobody else's. */
export function waitsForCommit(values: readonly unknown[]): Told | undefined {
  return lastOnes.get(values);
}

/**
 * Gives a transaction its last statement, which saves the round trip between the two. Whoever loses the connection then
 * knows nothing of this statement, so the session is told: when it has ended or is idle, all that will happen has.
 * Another pool's connections, those behind a pooler, and a session that `waits` declines, send it at once.
 */
export async function sendLast<R, DB = unknown>(
  tx: Transaction<DB>,
  { name, text, values }: NamedStatement,
  waits: (session: Session) => boolean = () => true,
): Promise<LastStatement<R>> {
  const connection = await tx.getExecutor().provideConnection((one) => Promise.resolve(one));
  const marked = [...values];
  let session: Session | undefined;
  lastOnes.set(marked, (told) => {
    if (!waits(told)) return undefined;
    session = told;
    return name;
  });
  const answer = connection.executeQuery<R>(CompiledQuery.raw(text, marked)).then(({ rows }) => rows);
  answer.catch(() => undefined);
  return { session, answer };
}

// In an application's session: it depends on none of its settings.
const SESSION = `
  select pid, extract(epoch from backend_start)::pg_catalog.text as "startedAt" from pg_catalog.pg_stat_activity
   where pid operator(pg_catalog.=) pg_catalog.pg_backend_pid()`;

/** Asks a connection for its session, once, when that is first needed; until the answer is there it is not known. */
export function sessionOf(
  query: (text: string) => Promise<QueryResult>,
  announcedPid: number | undefined,
): () => Session | undefined {
  let asked = false;
  let session: Session | undefined;
  return () => {
    if (!asked) {
      asked = true;
      query(SESSION).then(
        ({ rows: [row] }: QueryResult<Session & object>) => {
          // Another process than was announced: a pooler gives sessions to whom it likes.
          if (row?.pid === announcedPid) session = row;
        },
        () => undefined,
      );
    }
    return session;
  };
}
