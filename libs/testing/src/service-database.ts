import { sagaMigrations } from '@convergekit/saga';
import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import type { Database } from '@convergekit/postgres';
import { reconcileMigrations } from '@convergekit/reconcile';
import { relayMigrations } from '@convergekit/relay';
import { migratedDatabase } from './template.ts';

/**
 * Makes a database on the server of `serverUrl`, with all tables of the kit and those that `tables` creates (SQL).
 * The caller closes it.
 * @example
 * ```ts
 * import { serviceDatabase, startPostgres } from '@convergekit/testing';
 * import type { ShopDb } from './shop.ts';
 *
 * const server = await startPostgres();
 * const tables = 'create table orders ("orderId" text primary key, cents int, state text)';
 * const database = await serviceDatabase<ShopDb>(server.databaseUrl, tables);
 * ```
 */
export async function serviceDatabase<DB>(serverUrl: string, tables: string): Promise<Database<DB>> {
  const sets = [outboxMigrations, relayMigrations, inboxMigrations, sagaMigrations, reconcileMigrations];
  const { database } = await migratedDatabase<DB>(serverUrl, sets, { prefix: 'service', max: 20 });
  try {
    if (tables !== '') await database.executor.query(tables);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}
