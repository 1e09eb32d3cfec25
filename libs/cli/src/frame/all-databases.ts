import type { Database, Executor } from '@convergekit/postgres';
import type { CommandContext } from './context.ts';
import { addressesOf, hasDatabase } from '@convergekit/operate/host';

/** A database by its name in the settings; by its own name where it has none there. */
export interface NamedExecutor {
  readonly name: string;
  readonly database: Database;
  readonly executor: Executor;
}

/** Opens every database that the settings name, DATABASE_URL among them, and those of `urls`. Rejects with CONFIG_MISSING where there is none. */
export async function allDatabases(
  context: CommandContext,
  urls: readonly string[] = [],
): Promise<readonly NamedExecutor[]> {
  const { settings } = context;
  const addresses = addressesOf(settings);
  const isNamed = addresses.some(({ url }) => url === settings.database.url);
  const opened: NamedExecutor[] = [];
  const add = (database: Database, name = database.target.database) =>
    opened.push({ name, database, executor: database.executor });
  if (addresses.length === 0 || (hasDatabase(settings) && !isNamed)) add(await context.database());
  for (const { name, url, setting } of addresses) add(await context.databaseAt(url, { setting }), name);
  for (const url of urls) add(await context.databaseAt(url));
  return opened;
}
