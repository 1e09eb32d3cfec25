import { inboxMigrations } from '@convergekit/inbox';
import { outboxMigrations } from '@convergekit/outbox';
import { readSource } from '@convergekit/outbox/engine';
import type { Database, MigrationSet } from '@convergekit/postgres';
import { relayMigrations } from '@convergekit/relay';
import type { CommandContext } from './context.ts';
import { texts } from './flags.ts';
import { requireMigrations } from '@convergekit/postgres/operate';
import type { Named } from '@convergekit/operate';

export const databases = { database: texts('url', 'more databases, of other services that take part') };

/** Opens DATABASE_URL and the other databases, with their migrations, under the names of their sources. */
export async function namedDatabases(
  context: CommandContext,
  urls: readonly string[],
  more: readonly MigrationSet[],
): Promise<readonly Named[]> {
  const opened = [await context.database()];
  for (const url of urls) opened.push(await context.databaseAt(url));
  return Promise.all(opened.map((database) => nameOf(database, more)));
}

async function nameOf(database: Database, more: readonly MigrationSet[]): Promise<Named> {
  await requireMigrations(database.executor, [outboxMigrations, relayMigrations, inboxMigrations, ...more]);
  return { name: (await readSource(database.executor)).name, database };
}
