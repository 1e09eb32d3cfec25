import type { Executor } from '@convergekit/postgres';

/** What a source counts for: positions under its name, or the failure events of a consumer. */
export type SourceKind = 'events' | 'failures';

const pinSql = `
  insert into converge.inbox_source (consumer, kind, name, source)
  select $1, $2, n.name, n.source from unnest($3::text[], $4::uuid[]) as n(name, source) order by n.name
  on conflict (consumer, kind, name) do nothing`;
const declareSql = `
  insert into converge.inbox_source (consumer, kind, name, source)
  select $1, 'failures', n.name, n.source from unnest($2::text[], $3::uuid[]) as n(name, source) order by n.name
  on conflict (consumer, kind, name) do update set source = excluded.source, pinned_at = clock_timestamp()
   where inbox_source.source <> excluded.source`;
const readSql = `select name, source from converge.inbox_source where consumer = $1 and kind = $2`;

/** Pins the first uuid seen under each name, for all partitions alike. A name of `failures` is the consumer that failed. */
export async function pinSources(
  executor: Executor,
  consumer: string,
  kind: SourceKind,
  seen: ReadonlyMap<string, string>,
): Promise<void> {
  await executor.query(pinSql, [consumer, kind, [...seen.keys()], [...seen.values()]]);
}

/** Pins the declared source of the failure events of each consumer, in place of an earlier pin. */
export async function declareFailureSources(
  executor: Executor,
  consumer: string,
  declared: Readonly<Record<string, string>>,
): Promise<void> {
  const names = Object.keys(declared);
  if (names.length > 0) await executor.query(declareSql, [consumer, names, Object.values(declared)]);
}

/** Reads name → pinned uuid. */
export async function readSources(
  executor: Executor,
  consumer: string,
  kind: SourceKind = 'events',
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await executor.query<{ name: string; source: string }>(readSql, [consumer, kind]);
  return new Map(rows.map(({ name, source }) => [name, source]));
}
