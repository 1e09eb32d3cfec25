import type { Database } from '@convergekit/postgres';
import { databasesOf } from '@convergekit/operate/consumers';
import { reportLastActs } from '../../frame/last-acts.ts';
import type { CommandContext } from '../../frame/context.ts';

/** Refuses the name of a consumer that this database has not: an empty list would say that nothing is wrong. */
export async function requireConsumer(database: Database, consumer: string | undefined): Promise<void> {
  if (consumer === undefined) return;
  const named = { name: database.target.database, database, executor: database.executor };
  await databasesOf({ databases: [named] }, consumer);
}

/** Refuses the name of a consumer that this database has not, and reports the last act on one that it has. */
export async function consumerToActOn(
  context: CommandContext,
  database: Database,
  consumer: string,
): Promise<void> {
  await requireConsumer(database, consumer);
  await reportLastActs(context, database.executor, [consumer], 'consumer');
}
