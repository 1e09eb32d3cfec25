import { connect, type ConnectOptions, type Database } from '@convergekit/postgres';

/** Connects to a database while `use` is at work. */
export async function withDatabase<DB, T>(
  options: ConnectOptions,
  use: (database: Database<DB>) => Promise<T>,
): Promise<T> {
  const database = connect<DB>(options);
  try {
    return await use(database);
  } finally {
    await database.close();
  }
}
