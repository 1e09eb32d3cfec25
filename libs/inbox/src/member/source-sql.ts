import type { Executor } from '@convergekit/postgres';

const pinSql = `
  insert into converge.inbox_source (consumer, name, source)
  select $1, n.name, n.source from unnest($2::text[], $3::uuid[]) as n(name, source) order by n.name
  on conflict (consumer, name) do nothing`;
const readSql = `select name, source from converge.inbox_source where consumer = $1`;

/** Pins the first uuid seen under each name, for all partitions alike. */
export async function pinSources(
  executor: Executor,
  consumer: string,
  seen: ReadonlyMap<string, string>,
): Promise<void> {
  await executor.query(pinSql, [consumer, [...seen.keys()], [...seen.values()]]);
}

const pinFailureSql = `
  insert into converge.inbox_failure_source (consumer, failing, source)
  select $1, f.failing, f.source from unnest($2::text[], $3::uuid[]) as f(failing, source) order by f.failing
  on conflict (consumer, failing) do nothing`;
const declareFailureSql = `
  insert into converge.inbox_failure_source (consumer, failing, source)
  select $1, f.failing, f.source from unnest($2::text[], $3::uuid[]) as f(failing, source) order by f.failing
  on conflict (consumer, failing) do update set source = excluded.source, pinned_at = clock_timestamp()
   where inbox_failure_source.source <> excluded.source`;
const readFailureSql = `select failing, source from converge.inbox_failure_source where consumer = $1`;

/** Pins the first source seen in the failure topic of each consumer; `declared` replaces an earlier pin. */
export async function pinFailureSources(
  executor: Executor,
  consumer: string,
  seen: ReadonlyMap<string, string>,
  declared = false,
): Promise<void> {
  if (seen.size === 0) return;
  const sql = declared ? declareFailureSql : pinFailureSql;
  await executor.query(sql, [consumer, [...seen.keys()], [...seen.values()]]);
}

/** Reads failing consumer → the source of its failure events. */
export async function readFailureSources(
  executor: Executor,
  consumer: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await executor.query<{ failing: string; source: string }>(readFailureSql, [consumer]);
  return new Map(rows.map(({ failing, source }) => [failing, source]));
}

/** Reads source name → pinned uuid. */
export async function readSources(
  executor: Executor,
  consumer: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await executor.query<{ name: string; source: string }>(readSql, [consumer]);
  return new Map(rows.map(({ name, source }) => [name, source]));
}
