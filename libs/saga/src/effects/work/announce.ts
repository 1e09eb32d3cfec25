import { afterCommit } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';

/** Work that a transaction of this process has committed. */
export interface AnnouncedWork {
  /** Undefined: of work that was known before and is due earlier. */
  readonly id?: string;
  /** The effect. Undefined: of work that was known before. */
  readonly effect?: string;
  /** The time until it is due, in milliseconds from the insert. */
  readonly dueMs: number;
}

type Listener = (work: AnnouncedWork) => void;

/** The workers of this process, by the database that they work on: it owns the entry. */
const listeners = new WeakMap<object, Set<Listener>>();

/** Calls `listener` after each commit of a transaction on `db` that wrote work. Returns the function that ends it. */
export function listenForWork(db: object, listener: Listener): () => void {
  const known = listeners.get(db) ?? new Set();
  listeners.set(db, known.add(listener));
  return () => void known.delete(listener);
}

/** Announces work to the workers of this process on the same database, once its transaction has been committed. */
export function announceWork<DB>(tx: Transaction<DB>, work: AnnouncedWork): Promise<void> {
  return afterCommit(tx, (db) => announce(db, work));
}

/** Announces work of a transaction on `db` that has been committed. */
export function announce(db: object, work: AnnouncedWork): void {
  for (const listener of listeners.get(db) ?? []) listener(work);
}
