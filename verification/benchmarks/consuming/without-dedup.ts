import type { Database } from '@converge/postgres';
import { Kysely, PostgresDialect, type PostgresPoolClient } from 'kysely';

/** The two statements of deduplication: every slice runs both. */
const DEDUP = ['update converge.inbox_partition set next_offset', 'insert into converge.inbox_watermark'];

/** The same database, where the fence and the watermark are said to have moved and nothing is sent. For comparison only. */
export function withoutDedup<DB>(database: Database<DB>): Database<DB> {
  const connect = async (): Promise<PostgresPoolClient> => {
    const client = await database.acquire();
    const query = (text: string, values: readonly unknown[]): Promise<unknown> =>
      DEDUP.some((known) => text.includes(known))
        ? Promise.resolve({ command: 'UPDATE', rowCount: 1, rows: [] })
        : client.query(text, [...values]);
    return {
      query: query as PostgresPoolClient['query'],
      release: (destroy) => client.release(destroy),
    };
  };
  const pool = { connect, end: () => Promise.resolve(), options: database.pool.options };
  return { ...database, db: new Kysely<DB>({ dialect: new PostgresDialect({ pool }) }) };
}
