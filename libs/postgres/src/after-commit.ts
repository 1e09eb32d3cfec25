import type { DatabaseConnection, Kysely, Transaction } from 'kysely';

/** Called after the commit, with the Kysely instance on which the transaction was begun. It must not throw. */
type Committed = (db: object) => void;

/** The functions that wait for the commit of a transaction, by its connection. */
const waiting = new WeakMap<DatabaseConnection, Committed[]>();

/**
 * Calls `run` after the commit of a transaction of `kyselyTransaction`: not when it is rolled back or its commit is in
 * doubt, once when it is rerun. In other transactions it is not called.
 */
export async function afterCommit<DB>(tx: Transaction<DB>, run: Committed): Promise<void> {
  waiting.get(await connectionOf(tx))?.push(run);
}

interface Collected {
  committed(): void;
  /** Forgets what was not called. */
  end(): void;
}

/** Begins to collect the functions that wait for the commit of a transaction. */
export function collectCommitted<DB>(db: Kysely<DB>, connection: DatabaseConnection): Collected {
  const due: Committed[] = [];
  waiting.set(connection, due);
  return {
    committed: () => {
      for (const run of due) run(db);
    },
    end: () => void waiting.delete(connection),
  };
}

export function connectionOf<DB>(tx: Transaction<DB>): Promise<DatabaseConnection> {
  return tx.getExecutor().provideConnection((one) => Promise.resolve(one));
}
