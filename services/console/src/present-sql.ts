import type { Executor } from '@convergekit/postgres';
import { hasTables } from '@convergekit/postgres/engine';

/** Makes a read that is empty where a database lacks the tables. */
export function where<T>(
  tables: string | readonly string[],
  read: (executor: Executor) => Promise<readonly T[]>,
): (executor: Executor) => Promise<readonly T[]> {
  return async (executor) => ((await hasTables(executor, ...[tables].flat())) ? read(executor) : []);
}
