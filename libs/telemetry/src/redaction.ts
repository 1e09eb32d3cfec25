const secret = ['password', 'secret', 'token', 'apiKey', 'authorization', 'cookie', 'sasl', 'credentials'];
const connection = ['connectionString', 'databaseUrl', 'DATABASE_URL', 'PGPASSWORD', 'url'];
const business = ['payload', 'value', 'data', 'body', 'parameters', 'values'];

/**
 * Fields that are removed from logs, at the top of a line and one level below.
 * The last group holds business data: a payload belongs to its service, not to the logs.
 */
export const redaction: readonly string[] = [...secret, ...connection, ...business].flatMap((name) => [
  name,
  `*.${name}`,
]);
