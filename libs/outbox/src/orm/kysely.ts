import type { Executor } from '@convergekit/postgres';
import { executorOf } from '@convergekit/postgres/engine';
import type { Kysely, Transaction } from 'kysely';
import { noTransaction } from './no-transaction.ts';

export function fromKysely<DB>(tx: Transaction<DB>): Executor {
  const given: Kysely<DB> = tx; // for callers in JavaScript
  if (!given.isTransaction) throw noTransaction('a Kysely instance', 'the tx of db.transaction().execute(…)');
  return executorOf(tx);
}
