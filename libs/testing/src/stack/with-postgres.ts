import { freshDatabase } from '../database.ts';
import { type Stack, type StackOptions, startServers } from './stack.ts';

export type PostgresOptions = Omit<StackOptions, 'kafkaPort'>;
export type TestPostgres = Pick<Stack, 'databaseUrl' | 'chose' | 'postgres' | 'stop'>;

/**
 * Provides a Postgres 18, for tests without Kafka: it is given by DATABASE_URL, else runs in Docker, else is embedded.
 * Needs no Java. A rejection is a DevStackError that says what to install or change.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const stack = await startServers(options, false);
  const { databaseUrl, chose, postgres } = stack;
  return { databaseUrl, chose, ...(postgres === undefined ? {} : { postgres }), stop: () => stack.stop() };
}

/** Runs `work` on an empty database of its own, and ends the server that was started for it whatever happens. */
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
