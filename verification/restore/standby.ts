import { connect } from '@convergekit/postgres';
import type { EmbeddedServer } from '@convergekit/testing/engine';

/** The name of the standby that `standbyOf` makes. */
export const STANDBY = 'standby';

/** The address of a database on another server. */
export function urlAt({ address }: EmbeddedServer, url: string): string {
  const moved = new URL(url);
  moved.port = new URL(address).port;
  return moved.href;
}

/** One statement on a server. */
export async function onServer<T>({ address }: EmbeddedServer, sql: string): Promise<readonly T[]> {
  const database = connect({ url: address, max: 1, onIdleError: () => undefined });
  try {
    return (await database.executor.query<T & Record<string, unknown>>(sql)).rows;
  } finally {
    await database.close();
  }
}
