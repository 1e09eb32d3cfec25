import { CompiledQuery, type Kysely, type Transaction } from 'kysely';
import type { QueryResult, QueryResultRow } from 'pg';

export interface ExecutorResult<R> {
  readonly rows: R[];
  /** Rows returned, or rows changed when the statement returns none. */
  readonly rowCount: number;
}

/**
 * Any client that can run one SQL statement with bound values: pg, Kysely, Drizzle, Prisma, Knex. `int8`, `numeric` and
 * `xid8` come back as strings (a JavaScript number would round them).
 */
export interface Executor {
  query<R = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<ExecutorResult<R>>;
}

/** Raw SQL on the very connection of a Kysely instance or transaction. Plugins (such as camel case) do not apply. */
export function executorOf<DB>(db: Kysely<DB> | Transaction<DB>): Executor {
  const plain = db.withoutPlugins();
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const result = await plain.executeQuery<R>(CompiledQuery.raw(text, [...values]));
      return { rows: result.rows, rowCount: Number(result.numAffectedRows ?? result.rows.length) };
    },
  };
}

/** What an executor uses of a connection. */
export interface QueryClient {
  query(text: string, values?: unknown[]): Promise<QueryResult>;
}

/** Raw SQL on one connection that the caller holds. */
export function executorOfClient(client: QueryClient): Executor {
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      // Several statements in one text (migrations) give an array, which pg's types do not say; the last one counts.
      const result: unknown = await client.query(text, [...values]);
      const last = (Array.isArray(result) ? result.at(-1) : result) as QueryResult<QueryResultRow>;
      return { rows: last.rows as R[], rowCount: last.rowCount ?? last.rows.length };
    },
  };
}
