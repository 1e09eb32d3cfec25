const secret = ['password', 'secret', 'token', 'apiKey', 'authorization', 'cookie', 'sasl', 'credentials'];
const connection = ['connectionString', 'databaseUrl', 'DATABASE_URL', 'PGPASSWORD', 'url'];
const business = ['payload', 'value', 'data', 'body', 'parameters', 'values'];

/**
 * Fields that never reach a log, at the top of a line and one level below. The last group holds business data: a
 * payload belongs to the service that owns it, not to its logs.
 */
export const redaction: readonly string[] = [...secret, ...connection, ...business].flatMap((name) => [
  name,
  `*.${name}`,
]);
