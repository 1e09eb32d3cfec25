import { afterCommit } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import type { ClaimedWork } from './work.ts';

/** Work that a transaction of this process has committed. */
export interface AnnouncedWork {
  /** Undefined: of work that was known before and is due earlier. */
  readonly id?: string;
  /** The name of the call. Undefined: of work that was known before. */
  readonly call?: string;
  /** The time until it is due, in milliseconds from the insert. */
  readonly dueMs: number;
}

/** A free place of a worker of this process, for a call that a transaction is about to insert. Times are in milliseconds. */
export interface Reserved {
  readonly holder: string;
  readonly leaseMs: number;
  /** The time in which a call becomes visible or has failed for certain. */
  readonly finalMs: number;
  /** Makes the call, which is committed, and held by the worker. */
  begin(work: ClaimedWork): void;
  /** Gives the place back. */
  free(): void;
}

/** A worker of this process. */
export interface NearWorker {
  /** Called after each commit of a transaction that wrote work. */
  heard(work: AnnouncedWork): void;
  /** Reserves a place for a call; undefined: it has to wait for its turn. */
  reserve?(call: string): Reserved | undefined;
}

/** The workers of this process, by the database that they work on: it owns the entry. */
const workers = new WeakMap<object, Set<NearWorker>>();

/** Makes a worker known to the transactions on `db`. Returns the function that ends it. */
export function listenForWork(db: object, worker: NearWorker): () => void {
  const known = workers.get(db) ?? new Set();
  workers.set(db, known.add(worker));
  return () => void known.delete(worker);
}

/** Reserves a place for a call, with a worker of this process on the database `db`. */
export function reservePlace(db: object, call: string): Reserved | undefined {
  for (const worker of workers.get(db) ?? []) {
    const reserved = worker.reserve?.(call);
    if (reserved !== undefined) return reserved;
  }
  return undefined;
}

/** Announces work to the workers of this process on the same database, once its transaction has been committed. */
export function announceWork<DB>(tx: Transaction<DB>, work: AnnouncedWork): Promise<void> {
  return afterCommit(tx, (db) => announce(db, work));
}

/** Announces work of a transaction on `db` that has been committed. */
export function announce(db: object, work: AnnouncedWork): void {
  for (const worker of workers.get(db) ?? []) worker.heard(work);
}
