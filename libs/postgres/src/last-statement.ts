import type { Transaction } from 'kysely';
import { connectionOf } from './after-commit.ts';
import { rawQuery } from './raw-query.ts';
import type { Session } from './session.ts';
import { markedValues } from './statement-marks.ts';

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
  let session: Session | undefined;
  const last = (started: Session): string | undefined => {
    if (!waits(started)) return undefined;
    session = started;
    return name;
  };
  const marked = markedValues(values, { last });
  const answer = connection.executeQuery<R>(rawQuery(text, marked)).then(({ rows }) => rows);
  answer.catch(() => undefined);
  return { session, answer };
}
