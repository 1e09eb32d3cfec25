import type { Executor } from './executor.ts';

const presentSql = `select bool_and(to_regclass(name) is not null) as present from unnest($1::text[]) name`;

/** True when a database has these tables: a service without sagas, or without consumers, lacks theirs. */
export async function hasTables(executor: Executor, ...names: readonly string[]): Promise<boolean> {
  return (await executor.query<{ present: boolean }>(presentSql, [names])).rows[0]?.present === true;
}
