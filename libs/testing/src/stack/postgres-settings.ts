import { randomBytes } from 'node:crypto';

export type PostgresSettings = Readonly<Record<string, string | number>>;

/** A database's locale must not depend on the machine: Postgres' own C.UTF-8. */
export const POSTGRES_INITDB: readonly string[] = [
  '--username=postgres',
  // Any user of the machine reaches the port, and a superuser runs programs: the password is random (`newPassword`), so one round
  // of hashing is as good as thousands, which each connection would pay for.
  '--auth=scram-sha-256',
  '--set=scram_iterations=1',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=builtin',
  '--builtin-locale=C.UTF-8',
];

/** Makes the password of a server's superuser: who knows its address may connect. */
export function newPassword(): string {
  return randomBytes(18).toString('base64url');
}

/** The server's settings that are not defaults, the same for each way to run it. */
export const POSTGRES_SERVER_SETTINGS: PostgresSettings = {
  max_connections: 300,
  max_prepared_transactions: 20,
  timezone: 'UTC',
  log_timezone: 'UTC',
};

/** The setting of a server whose data are in memory, where copying files costs least. Postgres does not know it. */
export const DATA_IN_MEMORY = 'converge.data_in_memory';
