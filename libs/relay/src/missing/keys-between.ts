import { formatPosition } from '@convergekit/contracts';
import { type Executor, sqlState } from '@convergekit/postgres';
import type { MissingRequest } from './missing.ts';

const keysSql = `select key from converge.keys_between($1, $2, $3, $4, $5) as key order by key`;

/** The keys of missing events; undefined when the source does not keep them any more, or is another one. */
export async function keysBetween(
  executor: Executor,
  { source, topic, partition, after, upTo }: MissingRequest,
): Promise<readonly string[] | undefined> {
  const range = [topic, partition, formatPosition(after), formatPosition(upTo), source.id];
  try {
    return (await executor.query<{ key: string }>(keysSql, range)).rows.map(({ key }) => key);
  } catch (error) {
    if (sqlState(error) === 'P0002') return undefined;
    throw error;
  }
}
