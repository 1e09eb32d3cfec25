import type { Executor } from '@convergekit/postgres';
import { executorOf } from '@convergekit/postgres/engine';
import type { Transaction } from 'kysely';
import { noTransaction } from './no-transaction.ts';

/** The part of MikroORM's entity manager that is used. */
export interface MikroOrmManager {
  /** The transaction of the entity manager, which is one of Kysely since MikroORM 7; undefined outside of one. */
  getTransactionContext(): unknown;
}

export function fromMikroOrm(manager: MikroOrmManager): Executor {
  const context = manager.getTransactionContext();
  if (context === undefined)
    throw noTransaction('an entity manager', 'the entity manager of em.transactional(…)');
  // `em.execute` would write the values into the text, so the statement goes to Kysely below it.
  return executorOf(context as Transaction<unknown>);
}
