import { freshDatabase } from '../database.ts';
import { type Stack, type StackOptions, startServers } from './stack.ts';

export type PostgresOptions = Omit<StackOptions, 'kafkaPort'>;
export type TestPostgres = Pick<Stack, 'databaseUrl' | 'chose' | 'postgres' | 'stop'>;

/**
 * Provides a Postgres 18, for tests without Kafka: it is given by DATABASE_URL, else runs in Docker, else is embedded.
 * Needs no Java. A rejection is a DevStackError that says what to install or change.
 * @example
 * ```ts
 * import { startPostgres } from '@convergekit/testing';
 * import { connect } from 'convergekit/postgres';
 *
 * const server = await startPostgres(); // DATABASE_URL, else Docker, else embedded
 * const database = connect({ url: server.databaseUrl });
 * await database.close();
 * await server.stop();
 * ```
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const stack = await startServers(options, false);
  const { databaseUrl, chose, postgres } = stack;
  return { databaseUrl, chose, ...(postgres === undefined ? {} : { postgres }), stop: () => stack.stop() };
}

/**
 * Runs `work` on an empty database of its own, and ends the server that was started for it whatever happens.
 * @example
 * ```ts
 * import { withPostgres } from '@convergekit/testing';
 * import { connect, migrate, outboxMigrations } from 'convergekit/postgres';
 *
 * await withPostgres(async (databaseUrl) => {
 *   const database = connect({ url: databaseUrl });
 *   await migrate(database, [outboxMigrations]);
 *   await database.close();
 * });
 * ```
 */
export async function withPostgres<T>(
  work: (databaseUrl: string) => Promise<T>,
  options: PostgresOptions = {},
): Promise<T> {
  const server = await startPostgres(options);
  try {
    return await work(await freshDatabase(server.databaseUrl));
  } finally {
    await server.stop();
  }
}
