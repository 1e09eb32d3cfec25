import type { Transaction } from 'kysely';
import type { Certainty } from '@convergekit/core';
import { messageOf } from '@convergekit/core/engine';
import { DatabaseError } from '../errors.ts';
import { aroundStatements } from './around-statements.ts';

/** A statement whose answer has not come. */
interface Pending {
  readonly text: string;
  /** Resolves with the answer: its error, if it failed. It never rejects. A stream that was left has none. */
  readonly answer?: Promise<{ readonly error: unknown } | undefined>;
}

/**
 * The statements of one call of an application's code. When the code has returned, each of them must have been answered.
 * The promise of one that was not awaited is never settled after that: no code of the call goes on, and no rejection ends
 * the process. Code that has thrown gets its answers: others may wait for them, in a `Promise.all` behind a limiter, which
 * would keep their places for ever.
 */
export class CallStatements {
  readonly #closed: () => Error;
  readonly #pending = new Set<Pending>();
  readonly #aftermath = new WeakSet<object>();
  #state: 'open' | 'ended' | 'abandoned' = 'open';

  /** `closed`: makes the error of a statement that comes after the end. */
  constructor(closed: () => Error) {
    this.#closed = closed;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Throws after the end of the call. */
  check(): void {
    if (!this.isOpen) throw this.#closed();
  }

  /** Wraps the transaction for the code. */
  through<DB>(tx: Transaction<DB>): Transaction<DB> {
    return aroundStatements(tx, {
      built: () => this.check(),
      run: (text, send) => this.run(text, send),
      stream: (text) => this.stream(text),
    });
  }

  /** Sends a statement in the turn of the caller. */
  run<T>(text: string, send: () => Promise<T>): Promise<T> {
    if (!this.isOpen) return Promise.reject(this.#closed());
    const sent = send();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const settle = (by: () => void): void => {
      this.#pending.delete(pending);
      if (this.#state !== 'ended') by();
    };
    const answer = sent.then(
      (result) => {
        settle(() => resolve(result));
        return undefined;
      },
      (error: unknown) => {
        settle(() => {
          if (this.#state === 'abandoned' && error instanceof Error) this.#aftermath.add(error);
          reject(error);
        });
        return { error };
      },
    );
    const pending: Pending = { text, answer };
    this.#pending.add(pending);
    return promise;
  }

  /** Begins a stream. The result ends it. */
  stream(text: string): Promise<() => void> {
    if (!this.isOpen) return Promise.reject(this.#closed());
    const pending: Pending = { text };
    this.#pending.add(pending);
    return Promise.resolve(() => void this.#pending.delete(pending));
  }

  /** Ends the call of code that has returned. Resolves with the error of a statement that it did not await. */
  async end(what: string, certainty: Certainty = 'not_applied'): Promise<DatabaseError | undefined> {
    this.#state = 'ended';
    const left = [...this.#pending];
    const [first] = left;
    if (first === undefined) return undefined;
    const answers = await Promise.all(left.map(async ({ answer }) => answer));
    return notAwaited(what, first.text, {
      certainty,
      cause: answers.find((one) => one !== undefined)?.error,
    });
  }

  /**
   * Ends the call of code that has thrown, or that still runs. It gets the answers that are due, and sends nothing more.
   * Resolves when they have come.
   */
  async abandon(): Promise<void> {
    if (this.isOpen) this.#state = 'abandoned';
    await Promise.all([...this.#pending].map(async ({ answer }) => answer));
  }

  /** True for the error of a statement that was answered after its code had thrown. */
  isAftermath(error: unknown): boolean {
    return error instanceof Error && this.#aftermath.has(error);
  }
}

/** Runs an application's code on a transaction. Rejects when it returns before its statements are answered. */
export async function awaitedStatements<DB, T>(
  tx: Transaction<DB>,
  what: string,
  run: (tx: Transaction<DB>) => Promise<T>,
): Promise<T> {
  const statements = new CallStatements(() => statementTooLate(what));
  let result: T;
  try {
    result = await run(statements.through(tx));
  } catch (error) {
    await statements.abandon();
    throw error;
  }
  const late = await statements.end(what);
  if (late !== undefined) throw late;
  return result;
}

/** Creates the error of code that returned before a statement was answered; `cause`: the error of that statement. */
function notAwaited(
  what: string,
  text: string,
  { certainty, cause }: { readonly certainty: Certainty; readonly cause: unknown },
): DatabaseError {
  const shown = JSON.stringify(text.trim().replaceAll(/\s+/g, ' ').slice(0, 80));
  const failed = cause === undefined ? '' : ` (it failed: ${messageOf(cause)})`;
  return new DatabaseError(
    `\`await\` is missing: ${what} returned before ${shown} was answered${failed}, so its transaction is rolled back. Write \`await\` before each statement.`,
    { code: 'STATEMENT_NOT_AWAITED', category: 'bug', certainty, cause },
  );
}

/** Creates the error of a statement that comes after the code which sends it. */
export function statementTooLate(what: string): DatabaseError {
  return new DatabaseError(
    `\`await\` is missing: a statement came after ${what} had returned, and was not sent. Await everything that sends statements before the function returns.`,
    { code: 'STATEMENT_NOT_AWAITED', category: 'bug' },
  );
}
