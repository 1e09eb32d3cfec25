import type { DatabaseConnection, Kysely, Transaction } from 'kysely';

/** Called after the commit, with the Kysely instance on which the transaction was begun. It must not throw. */
type Committed = (db: object) => void;

interface Waiting {
  readonly db: object;
  readonly committed: Committed[];
  readonly dropped: (() => void)[];
}

/** The functions that wait for the end of a transaction, by its connection. */
const waiting = new WeakMap<DatabaseConnection, Waiting>();

/**
 * Calls `run` after the commit of a transaction of `kyselyTransaction`: not when it is rolled back or its commit is in
 * doubt, once when it is rerun. In other transactions it is not called.
 */
export async function afterCommit<DB>(tx: Transaction<DB>, run: Committed): Promise<void> {
  waiting.get(await connectionOf(tx))?.committed.push(run);
}

/**
 * Calls `run` when a transaction of `kyselyTransaction` is rolled back, or its commit is in doubt. Returns the Kysely
 * instance on which it was begun; undefined for other transactions, in which it is not called.
 */
export async function afterRollback<DB>(tx: Transaction<DB>, run: () => void): Promise<object | undefined> {
  const ending = waiting.get(await connectionOf(tx));
  ending?.dropped.push(run);
  return ending?.db;
}

interface Collected {
  committed(): void;
  rolledBack(): void;
  /** Ends collecting. */
  end(): void;
}

/** Begins to collect the functions that wait for the end of a transaction. */
export function collectCommitted<DB>(db: Kysely<DB>, connection: DatabaseConnection): Collected {
  const { committed, dropped }: Waiting = { db, committed: [], dropped: [] };
  waiting.set(connection, { db, committed, dropped });
  return {
    committed: () => {
      for (const run of committed) run(db);
    },
    rolledBack: () => {
      for (const run of dropped) run();
    },
    end: () => void waiting.delete(connection),
  };
}

export function connectionOf<DB>(tx: Transaction<DB>): Promise<DatabaseConnection> {
  return tx.getExecutor().provideConnection((one) => Promise.resolve(one));
}
