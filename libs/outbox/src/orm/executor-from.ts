import type { Executor, ExecutorResult } from '@convergekit/postgres';
import { executorOf, executorOfClient } from '@convergekit/postgres/engine';
import type { Kysely, Transaction } from 'kysely';
import { OutboxError } from '../errors.ts';
import { piecesOf } from './placeholders.ts';

/**
 * Executors for `outbox.append` from the open transaction of an ORM or client. Call them inside the transaction; each
 * throws OutboxError NO_TRANSACTION for what is visibly outside of one.
 * @example
 * ```ts
 * import { executorFrom } from 'convergekit/postgres';
 * import { database, orderPlaced, outbox } from './shop.ts';
 *
 * const client = await database.pool.connect();
 * await client.query('begin');
 * await client.query("update orders set state = 'placed' where order_id = $1", ['o-1']);
 * await outbox.append(executorFrom.pg(client), [orderPlaced({ orderId: 'o-1', cents: 4_999 })]);
 * await client.query('commit');
 * client.release();
 * ```
 */
export const executorFrom = {
  /** A client between BEGIN and COMMIT. A pool is refused: each of its statements may run on another connection. */
  pg: fromPg,
  /** The `tx` of `db.transaction().execute(…)`. In a transaction of `outbox.transaction`, use `emit`. */
  kysely: fromKysely,
  /** The `tx` of `db.transaction(…)`, and Drizzle's own `sql`: it works with every Postgres driver of Drizzle. */
  drizzle: fromDrizzle,
  /** The manager of `dataSource.transaction(…)`, or one with a query runner whose transaction is open. */
  typeorm: fromTypeOrm,
  /** The `trx` of `knex.transaction(…)`. */
  knex: fromKnex,
  /** The entity manager of `em.transactional(…)`. Flush before: `append` is the last statement. */
  mikroOrm: fromMikroOrm,
  /** The `tx` of `prisma.$transaction(async (tx) => …)`. */
  prisma: fromPrisma,
} as const;

/** The part of a client of `pg` that is used. */
type PgClient = Parameters<typeof executorOfClient>[0] & {
  /** `I`: idle, so no transaction is open. Older versions of pg do not have it. */
  getTransactionStatus?(): string | null;
  /** Only a pool has it. */
  readonly totalCount?: number;
};

function fromPg(client: PgClient): Executor {
  if (client.totalCount !== undefined)
    throw noTransaction('a pool of pg', 'a client of pool.connect(), between BEGIN and COMMIT');
  if (client.getTransactionStatus?.() === 'I')
    throw noTransaction('an idle client of pg', 'a client between BEGIN and COMMIT');
  return executorOfClient(client);
}

function fromKysely<DB>(tx: Transaction<DB>): Executor {
  const given: Kysely<DB> = tx; // for callers in JavaScript
  if (!given.isTransaction) throw noTransaction('a Kysely instance', 'the tx of db.transaction().execute(…)');
  return executorOf(tx);
}

/** The part of Drizzle's transaction that is used. */
interface DrizzleTransaction<Query> {
  execute(query: Query): PromiseLike<unknown>;
  /** Only a transaction has it. */
  rollback(): never;
}

/** The part of Drizzle's `sql` that is used. */
interface DrizzleSql<Query> {
  raw(text: string): Query;
  param(value: unknown): unknown;
  join(chunks: unknown[]): Query;
}

function fromDrizzle<Query>(tx: DrizzleTransaction<Query>, sql: DrizzleSql<Query>): Executor {
  // The type says so; this is for callers in JavaScript.
  if (!('rollback' in tx))
    throw noTransaction('a database of Drizzle', 'the tx of db.transaction(async (tx) => …)');
  return executorBy(async (text, values) => resultOf(await tx.execute(queryOf(sql, text, values))));
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
function resultOf(answer: unknown): Answer {
  if (!Array.isArray(answer)) return answer as Answer;
  const { count } = answer as { readonly count?: number };
  return { rows: [...(answer as unknown[])], rowCount: count };
}

/** The part of TypeORM's entity manager that is used. */
interface TypeOrmManager {
  readonly queryRunner?: TypeOrmRunner | undefined;
}

interface TypeOrmRunner {
  readonly isTransactionActive: boolean;
  query(text: string, values: unknown[], structured: true): Promise<TypeOrmResult>;
}

interface TypeOrmResult {
  readonly records: unknown[];
  readonly affected?: number | null | undefined;
}

function fromTypeOrm({ queryRunner }: TypeOrmManager): Executor {
  if (queryRunner?.isTransactionActive !== true)
    throw noTransaction('an entity manager', 'the manager of dataSource.transaction(async (manager) => …)');
  return executorBy(async (text, values) => {
    const { records, affected } = await queryRunner.query(text, [...values], true);
    return { rows: records, rowCount: affected };
  });
}

/** The part of Knex's transaction that is used. */
interface KnexTransaction {
  readonly isTransaction?: boolean | undefined;
  raw(text: string, bindings: readonly unknown[]): PromiseLike<unknown>;
}

function fromKnex(trx: KnexTransaction): Executor {
  if (trx.isTransaction !== true)
    throw noTransaction('a Knex instance', 'the trx of knex.transaction(async (trx) => …)');
  return executorBy(async (text, values) => {
    const { texts, order } = piecesOf(text);
    // Knex writes `?` for a value, and `\?` for the character.
    const asked = texts.map((one) => one.replaceAll('?', '\\?')).join('?');
    const bound = order.map((at) => values[at]);
    return (await trx.raw(asked, bound)) as Answer; // the result of pg, which Knex passes on
  });
}

/** The part of MikroORM's entity manager that is used. */
interface MikroOrmManager {
  /** The transaction of the entity manager, which is one of Kysely since MikroORM 7; undefined outside of one. */
  getTransactionContext(): unknown;
}

function fromMikroOrm(manager: MikroOrmManager): Executor {
  const context = manager.getTransactionContext();
  if (context === undefined)
    throw noTransaction('an entity manager', 'the entity manager of em.transactional(…)');
  // `em.execute` would write the values into the text, so the statement goes to Kysely below it.
  return executorOf(context as Transaction<unknown>);
}

/** The part of Prisma's transaction client that is used. */
interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: unknown[]): PromiseLike<unknown>;
}

/** For statements that return rows, as `append` sends: Prisma does not say how many rows another one changed. */
function fromPrisma(tx: PrismaTransaction): Executor {
  // Prisma takes `$connect` away from the client of an interactive transaction.
  if ('$connect' in tx && tx.$connect !== undefined)
    throw noTransaction('a PrismaClient', 'the tx of prisma.$transaction(async (tx) => …)');
  return executorBy(async (text, values) => ({
    rows: (await tx.$queryRawUnsafe(text, ...values)) as unknown[],
  }));
}

/** The answer of a client. Without a count, it is that of the rows. */
interface Answer {
  readonly rows: unknown[];
  readonly rowCount?: number | null | undefined;
}

/** Makes an executor of a client's own way to run a statement. */
function executorBy(run: (text: string, values: readonly unknown[]) => Promise<Answer>): Executor {
  return {
    query: async <R>(text: string, values: readonly unknown[] = []): Promise<ExecutorResult<R>> => {
      const { rows, rowCount } = await run(text, values);
      return { rows: rows as R[], rowCount: rowCount ?? rows.length };
    },
  };
}

/** Creates the error of a client that is not in a transaction: its events would commit without the caller's rows. */
function noTransaction(given: string, wanted: string): OutboxError {
  return new OutboxError(
    `events were to be appended through ${given}, which is not an open transaction: they would be committed without the rows that they report. Pass ${wanted}.`,
    { code: 'NO_TRANSACTION', category: 'bug' },
  );
}
