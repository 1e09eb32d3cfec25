import type { Executor } from '@converge/postgres';

const pinSql = `
  insert into converge.inbox_source (consumer, name, source)
  select $1, n.name, n.source from unnest($2::text[], $3::uuid[]) as n(name, source) order by n.name
  on conflict (consumer, name) do nothing`;
const readSql = `select name, source from converge.inbox_source where consumer = $1`;

/** Pins the uuid that is first seen under each name; whoever comes first counts, for all partitions alike. */
export async function pinSources(
  executor: Executor,
  consumer: string,
  seen: ReadonlyMap<string, string>,
): Promise<void> {
  await executor.query(pinSql, [consumer, [...seen.keys()], [...seen.values()]]);
}

/** Source name → pinned uuid. */
export async function readSources(
  executor: Executor,
  consumer: string,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await executor.query<{ name: string; source: string }>(readSql, [consumer]);
  return new Map(rows.map(({ name, source }) => [name, source]));
}
