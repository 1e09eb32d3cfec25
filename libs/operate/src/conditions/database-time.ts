import type { Executor } from '@convergekit/postgres';

/** Reads the time of the database, which wrote what is compared with it, in milliseconds since 1970. */
export async function readDatabaseTime(executor: Executor): Promise<number> {
  const { rows } = await executor.query<{ ms: number }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
  );
  return rows[0]?.ms ?? Number.NaN;
}
