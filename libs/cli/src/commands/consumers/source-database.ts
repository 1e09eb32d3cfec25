import type { Database } from '@convergekit/postgres';
import { openAt } from '../../frame/connections.ts';
import { checkedUrl } from '../../frame/settings.ts';

/** Works with the database of a source: as given, else SOURCE_DATABASE_URL, else the one that is open. */
export async function withSourceDatabase<T>(
  own: Database,
  given: string | undefined,
  applicationName: string,
  work: (source: Database) => Promise<T>,
): Promise<T> {
  const url = given ?? process.env['SOURCE_DATABASE_URL'];
  if (url === undefined) return work(own);
  const source = await openAt(checkedUrl(url, 'SOURCE_DATABASE_URL'), applicationName);
  try {
    return await work(source);
  } finally {
    await source.close();
  }
}
