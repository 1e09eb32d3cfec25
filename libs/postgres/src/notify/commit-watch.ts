import type { PoolClient, QueryResult } from 'pg';
import type { CommitNotifier } from './commit-notifier.ts';
import { type CommitMark, marksOf } from '../statement-marks.ts';

const notifiers = new WeakMap<PoolClient, CommitNotifier>();

/** Names the notifier of the pool that a client belongs to. */
export function setNotifier(client: PoolClient, notifier: CommitNotifier): void {
  notifiers.set(client, notifier);
}

/**
 * Gives the notifications of a channel to a listener of this process, in place of sending them: those of this client's pool
 * and of the process's other pools for the same database (`CommitNotifier`). Returns the function that ends it.
 */
export function listenHere(
  client: PoolClient,
  channel: string,
  heard: (payload: string) => void,
): () => void {
  return notifiers.get(client)?.listenHere(channel, heard) ?? ((): void => undefined);
}

export function notifierOf(client: PoolClient): CommitNotifier | undefined {
  return notifiers.get(client);
}

/**
 * Follows the statements of one connection, and reports marked ones to the notifier once their transaction has
 * committed. A rollback forgets them, and so does a COMMIT without an answer: the outcome is not known here.
 */
export class CommitWatch {
  readonly #notifier: CommitNotifier | undefined;
  /** The marks of the open transaction; undefined outside of one. */
  #marks: CommitMark[] | undefined;

  constructor(notifier: CommitNotifier | undefined) {
    this.#notifier = notifier;
  }

  begin(): void {
    this.#marks = [];
  }

  /** Follows a statement, in the order of sending. */
  statement(values: readonly unknown[], answer: Promise<QueryResult>): void {
    const mark = this.#notifier === undefined ? undefined : marksOf(values).commit;
    if (mark === undefined) return;
    if (this.#marks === undefined) this.#reportAfter(answer, [mark], () => true);
    else this.#marks.push(mark);
  }

  commit(answer: Promise<QueryResult>): void {
    const marks = this.#marks ?? [];
    this.#marks = undefined;
    // The server answers ROLLBACK to the COMMIT of a failed transaction.
    if (marks.length > 0) this.#reportAfter(answer, marks, ({ command }) => command === 'COMMIT');
  }

  rollback(): void {
    this.#marks = undefined;
  }

  #reportAfter(
    answer: Promise<QueryResult>,
    marks: readonly CommitMark[],
    hasCommitted: (result: QueryResult) => boolean,
  ): void {
    answer.then(
      (result) => {
        if (hasCommitted(result)) for (const mark of marks) this.#notifier?.committed(mark);
      },
      () => undefined,
    );
  }
}
