import { fromDrizzle } from './drizzle.ts';
import { fromKnex } from './knex.ts';
import { fromKysely } from './kysely.ts';
import { fromMikroOrm } from './mikro-orm.ts';
import { fromPg } from './pg.ts';
import { fromPrisma } from './prisma.ts';
import { fromTypeOrm } from './typeorm.ts';

/**
 * Executors for `outbox.append` from the open transaction of an ORM or client. Call them inside the transaction; each
 * throws OutboxError NO_TRANSACTION for what is visibly outside of one.
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
