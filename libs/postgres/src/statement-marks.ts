import type { PoolClient } from 'pg';
import type { Session } from './session.ts';

/** What a statement's commit is announced by: a notification of `channel` with the sum of the counts since the last one. */
export interface CommitMark {
  readonly channel: string;
  readonly count: number;
}

/** What a connection of `connect` does with a statement of the kit; other connections only run it. */
export interface StatementMarks {
  /** A session of our own keeps the statement parsed and planned; an `own` one also runs with the kit's settings. */
  readonly kind?: 'own' | 'kept';
  /** Announced after the commit of the transaction that runs the statement. */
  readonly commit?: CommitMark;
  /** Set for a last statement: receives the session and returns the statement's name; undefined: send it at once. */
  readonly last?: (session: Session) => string | undefined;
  /** Gets the client of the connection. The statement is not sent, unless `isSent`. */
  readonly ask?: { readonly pass: (client: PoolClient) => void; readonly isSent: boolean };
}

/** Marks, by the values array: the only object that Kysely passes to the connection. */
const byValues = new WeakMap<readonly unknown[], StatementMarks>();

const NONE: StatementMarks = {};

/** Copies a statement's values with their marks, and adds marks to the copy. */
export function markedValues(values: readonly unknown[], more: StatementMarks): unknown[] {
  const copy = [...values];
  byValues.set(copy, { ...byValues.get(values), ...more });
  return copy;
}

export function marksOf(values: readonly unknown[]): StatementMarks {
  return byValues.get(values) ?? NONE;
}

/** Copies a statement's values: the pool notifies the channel after the commit of the transaction that runs it. */
export function notifyAfterCommit(values: readonly unknown[], commit: CommitMark): readonly unknown[] {
  return markedValues(values, { commit });
}
