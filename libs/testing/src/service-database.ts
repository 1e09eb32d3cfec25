import { sagaMigrations } from '@convergekit/effects';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { connect, type Database, migrate } from '@convergekit/postgres';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { freshDatabase } from './database.ts';

/**
 * Makes an empty database on the server of `serverUrl`, with all tables of the kit and those that `tables` creates (SQL).
 * The caller closes it.
 */
export async function serviceDatabase<DB>(serverUrl: string, tables: string): Promise<Database<DB>> {
  const url = await freshDatabase(serverUrl, 'service');
  const database = connect<DB>({ url, max: 20, applicationName: 'converge-testing' });
  try {
    await migrate(database, [
      ...[outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations, reconcileMigrations],
    ]);
    if (tables !== '') await database.executor.query(tables);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}
