import { type Executor, executorOf } from '@convergekit/postgres';
import type { Kysely } from 'kysely';

/** Thrown instead of a COMMIT: the process is gone, the server rolls back. */
class Crashed extends Error {}

/** Holds the commits that come to it until it opens, or has them crash. */
export class CommitBarrier {
  readonly #arrived = Promise.withResolvers<undefined>();
  readonly #opened = Promise.withResolvers<'commit' | 'crash'>();
  /** The first commit is here. */
  readonly arrived: Promise<undefined> = this.#arrived.promise;

  crashed = false;

  open(how: 'commit' | 'crash' = 'commit'): void {
    this.#opened.resolve(how);
  }

  async pass(): Promise<void> {
    this.#arrived.resolve(undefined);
    if ((await this.#opened.promise) === 'commit') return;
    this.crashed = true;
    throw new Crashed();
  }
}

/** Wraps the database so that its transactions commit through a barrier. */
export function behindBarrier<DB>(db: Kysely<DB>, barrier: CommitBarrier): Kysely<DB> {
  type Builder = ReturnType<Kysely<DB>['startTransaction']>;
  const begin = (builder: Builder): Pick<Builder, 'execute' | 'setIsolationLevel' | 'setAccessMode'> => ({
    setAccessMode: (mode) => begin(builder.setAccessMode(mode)) as Builder,
    setIsolationLevel: (level) => begin(builder.setIsolationLevel(level)) as Builder,
    execute: async () => {
      const tx = await builder.execute();
      const commit = tx.commit.bind(tx);
      const held = {
        execute: async () => {
          // What was sent ahead of COMMIT holds its locks by now. A transaction that has failed commits nothing: held here,
          // it would be run again after the trial has decided who commits first, and wait for the locks of the other one.
          if (await isAlive(executorOf(tx))) await barrier.pass();
          await commit().execute();
        },
      };
      return Object.assign(tx, { commit: () => held });
    },
  });
  return new Proxy(db, {
    get: (target, name) => {
      if (name === 'startTransaction') return () => begin(target.startTransaction());
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

/** False for a transaction that the server has aborted. */
function isAlive(tx: Executor): Promise<boolean> {
  return tx.query('select 1').then(
    () => true,
    () => false,
  );
}

/** A commit that fails as a lost connection does. */
export function isCrash(error: unknown): boolean {
  return error instanceof Crashed || (error instanceof Error && error.cause instanceof Crashed);
}
