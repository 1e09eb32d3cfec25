export type PostgresSettings = Readonly<Record<string, string | number>>;

/** A database's locale must not depend on the machine: Postgres' own C.UTF-8. */
export const POSTGRES_INITDB: readonly string[] = [
  '--username=postgres',
  '--auth=trust',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
];

/** The server's settings that are not defaults, the same for each way to run it. */
export const POSTGRES_SERVER_SETTINGS: PostgresSettings = {
  max_connections: 300,
  max_prepared_transactions: 20,
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** The setting of a server whose data are in memory, where copying files costs least. Postgres does not know it. */
export const DATA_IN_MEMORY = 'converge.data_in_memory';
