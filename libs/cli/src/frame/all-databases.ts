import type { NamedDatabase } from '@convergekit/operate';
import { addressesOf, hasDatabase, type OpenOptions, requireDatabase } from '@convergekit/operate/host';
import type { CommandContext } from './context.ts';

interface AllOptions {
  /** More databases, by their addresses. @default none */
  readonly urls?: readonly string[];
  /** Options of each connection. @default none */
  readonly open?: OpenOptions;
  /** Called for a database that cannot be opened, with its name in the settings. @default it rejects */
  readonly onFailure?: (error: unknown, name: string | undefined) => void;
}

/**
 * Opens every database that the settings name, DATABASE_URL among them, and those of `urls`, each by its name in the settings or by its
 * own. Rejects with CONFIG_MISSING where there is none.
 */
export async function allDatabases(
  context: CommandContext,
  { urls = [], open, onFailure }: AllOptions = {},
): Promise<readonly NamedDatabase[]> {
  const { settings } = context;
  const addresses = addressesOf(settings);
  const isNamed = addresses.some(({ url }) => url === settings.database.url);
  const opened: NamedDatabase[] = [];
  const add = async (name: string | undefined, url: () => string | undefined, setting?: string) => {
    try {
      const database = await context.databaseAt(url(), { ...open, setting });
      opened.push({ name: name ?? database.target.database, database, executor: database.executor });
    } catch (error) {
      if (onFailure === undefined) throw error;
      onFailure(error, name);
    }
  };
  if (addresses.length === 0 || (hasDatabase(settings) && !isNamed))
    await add(undefined, () => requireDatabase(settings), settings.databaseSetting);
  for (const { name, url, setting } of addresses) await add(name, () => url, setting);
  for (const url of urls) await add(undefined, () => url);
  return opened;
}
