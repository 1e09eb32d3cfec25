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

/**
 * Raw SQL on the very connection of a Kysely instance or transaction. Plugins (such as camel case) do not apply. Outside of
 * a transaction each statement is one of the kit's own (`settings.ts`), on pools of `connect`.
 */
export function executorOf<DB>(db: Kysely<DB> | Transaction<DB>): Executor {
  const plain = db.withoutPlugins();
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const given = db.isTransaction ? [...values] : ownStatement(values);
      const result = await plain.executeQuery<R>(CompiledQuery.raw(text, given));
      return { rows: result.rows, rowCount: Number(result.numAffectedRows ?? result.rows.length) };
    },
  };
}

/** By the very array of their values: all else that Kysely hands on to the connection is text. */
const ownOnes = new WeakSet<readonly unknown[]>();

/** Marks a statement as one of the kit's own: it becomes a transaction with the settings that the kit depends on. */
export function ownStatement(values: readonly unknown[]): unknown[] {
  const marked = [...values];
  ownOnes.add(marked);
  return marked;
}

export function isOwnStatement(values: readonly unknown[]): boolean {
  return ownOnes.has(values);
}

/** What an executor uses of a connection. */
export interface QueryClient {
  query(text: string, values?: unknown[]): Promise<QueryResult>;
}

/** Raw SQL on one connection that the caller holds. */
export function executorOfClient(client: QueryClient): Executor {
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      return resultOf<R>(
        await client.query(text, isOwnStatement(values) ? (values as unknown[]) : [...values]),
      );
    },
  };
}

/** Several statements in one text (migrations) give an array, which pg's types do not say; the last one counts. */
export function resultOf<R>(result: unknown): ExecutorResult<R> {
  const last = (Array.isArray(result) ? result.at(-1) : result) as QueryResult<QueryResultRow>;
  return { rows: last.rows as R[], rowCount: last.rowCount ?? last.rows.length };
}
