import type { Kysely, Transaction } from 'kysely';
import type { QueryResult, QueryResultRow } from 'pg';
import { rawQuery } from './raw-query.ts';
import { markedValues, marksOf } from './statement-marks.ts';

export interface ExecutorResult<R> {
  readonly rows: R[];
  /** Number of rows returned, or changed by a statement that returns none. */
  readonly rowCount: number;
}

/**
 * A client that runs one SQL statement with bound values: pg, Kysely, Drizzle, Prisma, Knex.
 * `int8`, `numeric` and `xid8` are returned as strings (a JavaScript number would round them).
 */
export interface Executor {
  /** Runs one statement, with `$1 …` for the values, and returns its rows. */
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<ExecutorResult<R>>;
}

/**
 * Runs raw SQL on the connection of a Kysely instance or transaction. Plugins (such as camel case) do not apply.
 * Outside of a transaction each statement runs with the kit's settings (`settings.ts`), on pools of `connect`.
 * @example
 * ```ts
 * import { executorOf } from 'convergekit/postgres';
 * import { database } from './shop.ts';
 *
 * const { rows } = await executorOf(database.db).query<{ open: number }>(
 *   "select count(*)::int as open from orders where state = $1",
 *   ['placed'],
 * );
 * ```
 */
export function executorOf<DB>(db: Kysely<DB> | Transaction<DB>): Executor {
  let executor = executors.get(db);
  if (executor === undefined) executors.set(db, (executor = makeExecutor(db)));
  return executor;
}

/** Executors by their instance: a slice asks for that of its transaction several times. */
const executors = new WeakMap<object, Executor>();

function makeExecutor<DB>(db: Kysely<DB> | Transaction<DB>): Executor {
  const plain = db.withoutPlugins();
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const given = markedValues(values, { kind: db.isTransaction ? 'kept' : 'own' });
      const result = await plain.executeQuery<R>(rawQuery(text, given));
      return { rows: result.rows, rowCount: Number(result.numAffectedRows ?? result.rows.length) };
    },
  };
}

/** The part of a connection that an executor uses. */
export interface QueryClient {
  query(text: string, values?: unknown[]): Promise<QueryResult>;
}

/** Runs raw SQL on one connection that the caller holds. */
export function executorOfClient(client: QueryClient): Executor {
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const { kind = 'kept' } = marksOf(values);
      return resultOf<R>(await client.query(text, markedValues(values, { kind })));
    },
  };
}

/** Converts pg's result. Several statements in one text (migrations) give an array; the last one counts. */
export function resultOf<R>(result: unknown): ExecutorResult<R> {
  const last = (Array.isArray(result) ? result.at(-1) : result) as QueryResult<QueryResultRow>;
  return { rows: last.rows as R[], rowCount: last.rowCount ?? last.rows.length };
}
