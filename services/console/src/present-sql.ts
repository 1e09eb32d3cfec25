import type { Executor } from '@convergekit/postgres';

const sql = `select bool_and(to_regclass(name) is not null) as present from unnest($1::text[]) name`;

/** True when a database has these tables: a service without sagas, or without consumers, lacks theirs. */
export async function hasTables(executor: Executor, ...names: readonly string[]): Promise<boolean> {
  return (await executor.query<{ present: boolean }>(sql, [names])).rows[0]?.present === true;
}

/** Makes a read that is empty where a database lacks the tables. */
export function where<T>(
  tables: string | readonly string[],
  read: (executor: Executor) => Promise<readonly T[]>,
): (executor: Executor) => Promise<readonly T[]> {
  return async (executor) => ((await hasTables(executor, ...[tables].flat())) ? read(executor) : []);
}
