import type { Database } from '@convergekit/postgres';
import type { CommandContext } from '../../frame/context.ts';
import { text } from '../../frame/flags.ts';
import { checkedUrl } from '../../frame/settings.ts';

export const sourceUrl = {
  sourceUrl: text('url', "the source's database (default: SOURCE_DATABASE_URL, else DATABASE_URL)"),
};

/** Opens the database of a source: as given, else SOURCE_DATABASE_URL, else the one that is open. */
export async function sourceDatabase(
  context: CommandContext,
  own: Database,
  given: string | undefined,
): Promise<Database> {
  const url = given ?? context.settings.env['SOURCE_DATABASE_URL'];
  return url === undefined ? own : context.databaseAt(checkedUrl(url, 'SOURCE_DATABASE_URL'));
}
