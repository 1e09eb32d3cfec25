import type { Database } from '@convergekit/postgres';
import { databasesOf } from '@convergekit/operate/consumers';

/** Refuses the name of a consumer that this database has not: an empty list would say that nothing is wrong. */
export async function requireConsumer(database: Database, consumer: string | undefined): Promise<void> {
  if (consumer === undefined) return;
  const named = { name: database.target.database, database, executor: database.executor };
  await databasesOf({ databases: [named] }, consumer);
}
