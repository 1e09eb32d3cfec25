import type { DatabaseConnection } from 'kysely';
import type { PoolClient } from 'pg';
import { rawQuery } from './raw-query.ts';
import { markedValues, marksOf } from './statement-marks.ts';

/**
 * Returns the client of a connection; undefined on a pool that `connect` did not make. `isSent`: the server runs the statement,
 * and so has begun the transaction.
 */
export async function askClient(
  connection: DatabaseConnection,
  isSent: boolean,
): Promise<PoolClient | undefined> {
  let found: PoolClient | undefined;
  const values = markedValues([], { ask: { pass: (client) => (found = client), isSent } });
  await connection.executeQuery(rawQuery('select 1 as converge_client', values));
  return found;
}

/** Answers a request for the client of a connection. True: the statement is not to be sent. */
export function isAnswered(values: readonly unknown[], client: PoolClient): boolean {
  const { ask } = marksOf(values);
  ask?.pass(client);
  return ask?.isSent === false;
}
