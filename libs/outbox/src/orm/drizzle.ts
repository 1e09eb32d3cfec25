import type { Executor, ExecutorResult } from '@convergekit/postgres';
import { noTransaction } from './no-transaction.ts';
import { piecesOf } from './placeholders.ts';

/** The part of Drizzle's transaction that is used. */
export interface DrizzleTransaction<Query> {
  execute(query: Query): PromiseLike<unknown>;
  /** Only a transaction has it. */
  rollback(): never;
}

/** The part of Drizzle's `sql` that is used. */
export interface DrizzleSql<Query> {
  raw(text: string): Query;
  param(value: unknown): unknown;
  join(chunks: unknown[]): Query;
}

export function fromDrizzle<Query>(tx: DrizzleTransaction<Query>, sql: DrizzleSql<Query>): Executor {
  // The type says so; this is for callers in JavaScript.
  if (!('rollback' in tx))
    throw noTransaction('a database of Drizzle', 'the tx of db.transaction(async (tx) => …)');
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> =>
      resultOf(await tx.execute(queryOf(sql, text, values))) as ExecutorResult<R>,
  };
}

function queryOf<Query>(sql: DrizzleSql<Query>, text: string, values: readonly unknown[]): Query {
  const { texts, order } = piecesOf(text);
  const chunks = texts.flatMap((one, at) => {
    const value = order[at];
    // An array is one value: Drizzle would write a list for an array that is not a `param`.
    return value === undefined ? [sql.raw(one)] : [sql.raw(one), sql.param(values[value])];
  });
  return sql.join(chunks);
}

/** Converts the result of the driver: an object of pg, PGlite and Neon, or an array of postgres.js. */
function resultOf(answer: unknown): ExecutorResult<unknown> {
  if (Array.isArray(answer)) {
    const { count } = answer as { readonly count?: number };
    return { rows: [...(answer as unknown[])], rowCount: count ?? answer.length };
  }
  const { rows, rowCount } = answer as { readonly rows: unknown[]; readonly rowCount?: number | null };
  return { rows, rowCount: rowCount ?? rows.length };
}
