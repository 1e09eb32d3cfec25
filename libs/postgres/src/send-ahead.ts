import type { DatabaseConnection, Transaction } from 'kysely';
import { connectionOf } from './after-commit.ts';
import { sqlState } from './errors.ts';
import type { Statement } from './given-rows.ts';
import { rawQuery } from './raw-query.ts';
import { markedValues } from './statement-marks.ts';

/** What becomes of a statement whose answer is not needed before the commit. */
interface Ahead<R> {
  /** Gets the rows, before the commit is answered. */
  readonly answered?: (rows: readonly R[]) => void;
  /** Returns the error with which the transaction fails; one with SQLSTATE 40001 has it run again. @default the server's */
  readonly failed?: (error: unknown) => unknown;
}

/** The statements of transactions that were sent ahead, by the connection. */
const sent = new WeakMap<DatabaseConnection, SentAhead>();

/**
 * Sends a statement without awaiting its answer; resolves when it is sent. The statements behind it, COMMIT too, follow at
 * once, so it takes no round trip of its own. If it fails, the server skips them, and the transaction fails with its
 * error. In a transaction that is not of `kyselyTransaction` the answer is awaited.
 */
export async function sendAhead<DB, R>(
  tx: Transaction<DB>,
  [text, values]: Statement,
  { answered, failed = (error: unknown) => error }: Ahead<R> = {},
): Promise<void> {
  const connection = await connectionOf(tx);
  const answer = connection.executeQuery<R>(rawQuery(text, markedValues(values, { kind: 'kept' }))).then(
    ({ rows }) => answered?.(rows),
    (error: unknown) => {
      // Only an answer of the server says that nothing is committed. 25P02: an earlier statement is at fault.
      const state = sqlState(error);
      throw state === undefined || state === '25P02' ? new NotAtFault(error) : failed(error);
    },
  );
  const ahead = sent.get(connection);
  if (ahead !== undefined) return ahead.add(answer);
  await answer.catch((error: unknown) => {
    throw error instanceof NotAtFault ? error.given : error;
  });
}

/** The error of a statement that does not decide about its transaction. */
class NotAtFault extends Error {
  readonly given: unknown;

  constructor(given: unknown) {
    super('the statement is not at fault');
    this.given = given;
  }
}

/** The statements that one transaction has sent ahead. */
export class SentAhead {
  readonly #connection: DatabaseConnection;
  readonly #answers: Promise<void>[] = [];
  #failure: { readonly error: unknown } | undefined;

  private constructor(connection: DatabaseConnection) {
    this.#connection = connection;
  }

  /** Begins to collect the statements of the transaction on a connection. */
  static on(connection: DatabaseConnection): SentAhead {
    const ahead = new SentAhead(connection);
    sent.set(connection, ahead);
    return ahead;
  }

  add(answer: Promise<void>): void {
    this.#answers.push(
      answer.catch((error: unknown) => {
        if (!(error instanceof NotAtFault)) this.#failure ??= { error };
      }),
    );
  }

  /** Ends collecting. */
  end(): void {
    sent.delete(this.#connection);
  }

  /** Resolves when all have been answered. */
  async answered(): Promise<void> {
    await Promise.all(this.#answers);
  }

  /** Returns the error of the first statement that failed, or `error` when none did. */
  async errorOr(error: unknown): Promise<unknown> {
    await this.answered();
    return this.#failure === undefined ? error : this.#failure.error;
  }
}
