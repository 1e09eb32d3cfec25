import { delayMs } from '@convergekit/core/engine';
import { type Clock, type Random, systemClock, systemRandom } from '@convergekit/core';
import type { IsolationLevel, Kysely, Transaction } from 'kysely';
import { collectCommitted, connectionOf } from './after-commit.ts';
import { BeginWithFirst } from './begin-with-first.ts';
import type { Database } from './connect.ts';
import {
  commitError,
  isForgotten,
  isInRebuiltIndex,
  rolledBackError,
  sqlState,
  wasClosedIdle,
} from './errors.ts';
import { type Executor, executorOf, executorOfClient } from './executor.ts';
import { guardOf } from './guard/transaction-guard.ts';
import { acquireFor } from './pool-door.ts';
import { SentAhead } from './send-ahead.ts';
import { ownBegin, ownOpening, sharedOpening } from './settings.ts';
import { submitClient } from './submit-client.ts';

export interface TransactionOptions {
  /**
   * The isolation level. A higher one is rerun more often: see `attempts`. @default 'read committed' in
   * `withTransaction`, the server's default in `kyselyTransaction`
   */
  readonly isolation?: Exclude<IsolationLevel, 'snapshot'>;
  /** Maximum number of runs when the database requests a rerun (40001, 40P01). @default 10 */
  readonly attempts?: number;
  /** Random numbers for the jitter before a rerun; a test gives seeded ones. @default Math.random */
  readonly random?: Random;
  /** The clock of waits before a rerun; a test gives a manual one. @default the system's clock */
  readonly clock?: Clock;
  /**
   * Ends the wait for a connection: a transaction that has not begun is not run (CALLER_GONE), one that has begun is
   * finished. @default waits
   */
  readonly signal?: AbortSignal | undefined;
  /** Runs first in every attempt, for example SET LOCAL. @default nothing */
  readonly before?: (tx: Executor) => Promise<void>;
}

/** Backoff of reruns. Contention ends with the other transaction, so delays start small. */
const backoff = { baseMs: 5, factor: 2, capMs: 250 };

/**
 * Runs `fn` in a transaction of the kit's own, and reruns it after contention.
 * Contention is 40001 (serialization failure) and 40P01 (deadlock); besides, only what `asksForRerun` names is repeated.
 * `fn` must have no effect
 * outside `tx`. The settings of `settings.ts` apply instead of the server's defaults.
 * Rejects with `DatabaseError` COMMIT_UNKNOWN if the connection was lost at COMMIT.
 * @example
 * ```ts
 * import { systemClock, systemRandom } from 'convergekit';
 * import { withTransaction } from 'convergekit/postgres';
 * import { database } from './shop.ts';
 *
 * // After a conflict with another transaction it runs again, as a whole.
 * const reserved = await withTransaction(database, { clock: systemClock, random: systemRandom }, async (tx) => {
 *   const { rowCount } = await tx.query('update stock set reserved = reserved + 1 where sku = $1', ['cup']);
 *   return rowCount === 1;
 * });
 * ```
 */
export function withTransaction<T>(
  database: Pick<Database, 'acquire'>,
  options: TransactionOptions,
  fn: (tx: Executor) => Promise<T>,
): Promise<T> {
  return runWithReruns(options, async () => {
    const client = new BeginWithFirst(submitClient(await database.acquire(options.signal)));
    const tx = executorOfClient(client);
    let broken = false;
    try {
      await tx.query(ownBegin(options.isolation));
      await tx.query(ownOpening());
      await options.before?.(tx);
      const result = await fn(tx);
      broken = true; // until COMMIT is answered
      const { command } = await client.query('commit').catch((error: unknown) => {
        throw commitError(error);
      });
      broken = false;
      if (command === 'ROLLBACK') throw rolledBackError();
      return result;
    } catch (error) {
      if (!broken) await client.query('rollback').catch(() => (broken = true));
      throw error;
    } finally {
      client.release(broken);
    }
  });
}

export interface KyselyTransactionOptions extends TransactionOptions {
  /**
   * Settings besides `read write`. `shared`: the formats of values, for the kit's statements beside an application's.
   * `none`: for transactions whose other statements depend on no setting. @default 'shared'
   */
  readonly settings?: 'shared' | 'none';
}

/** Runs an application's Kysely transaction, with its isolation and timeouts, and reruns it after contention. */
export function kyselyTransaction<DB, T>(
  db: Kysely<DB>,
  options: KyselyTransactionOptions,
  fn: (tx: Transaction<DB>) => Promise<T>,
): Promise<T> {
  return runWithReruns(options, async () => {
    const begin = db.startTransaction().setAccessMode('read write');
    const isolated = options.isolation ? begin.setIsolationLevel(options.isolation) : begin;
    const tx = await acquireFor(options.signal, () => isolated.execute());
    const connection = await connectionOf(tx);
    const after = collectCommitted(db, connection);
    const ahead = SentAhead.on(connection);
    const guard = await guardOf(tx);
    guard?.hold();
    let result: T;
    try {
      if (options.settings !== 'none') await executorOf(tx).query(sharedOpening);
      await options.before?.(executorOf(tx));
      result = await fn(tx);
      if (guard?.ended !== undefined) throw guard.ended;
    } catch (error) {
      after.end();
      ahead.end();
      guard?.letGo();
      // Kysely discards the connection if the rollback fails, too, and the server rolls back.
      await tx
        .rollback()
        .execute()
        .catch(() => undefined);
      after.rolledBack();
      throw await ahead.errorOr(error);
    }
    // The connection serves others once the commit is answered.
    after.end();
    ahead.end();
    guard?.letGo();
    try {
      await tx.commit().execute();
    } catch (error) {
      await tx
        .rollback()
        .execute()
        .catch(() => undefined);
      after.rolledBack();
      throw await ahead.errorOr(commitError(error));
    }
    // What waits for the commit may need the answers.
    await ahead.answered();
    after.committed();
    return result;
  });
}

/**
 * True for the errors by which Postgres requests a rerun of the transaction, and for those of a statement that a session
 * kept: a migration changed its result, or the session has forgotten it. The next run parses it again. So it is for a
 * transaction that met a session closed while idle, which had not begun, and for a duplicate in an index that is rebuilt.
 */
export function asksForRerun(error: unknown): boolean {
  const state = sqlState(error);
  const isRebuilt = isInRebuiltIndex(error);
  return state === '40001' || state === '40P01' || isRebuilt || isForgotten(error) || wasClosedIdle(error);
}

async function runWithReruns<T>(options: TransactionOptions, attempt: () => Promise<T>): Promise<T> {
  const { attempts = 10, random = systemRandom, clock = systemClock } = options;
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (count >= attempts || !asksForRerun(error)) throw error;
      await clock.sleep(delayMs(backoff, count, random));
    }
  }
}
