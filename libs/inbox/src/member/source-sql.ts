import type { Executor } from '@convergekit/postgres';

/** What a source counts for: its positions (uuid → name), or the failure events of a consumer (consumer → uuid). */
export type SourceKind = 'events' | 'failures';

const COLUMNS = { events: 'sources', failures: 'failure_sources' } as const satisfies Record<
  SourceKind,
  string
>;

const pinSql = (kind: SourceKind): string => `
  update converge.inbox_consumer set ${COLUMNS[kind]} = jsonb_object($2::text[], $3::text[]) || ${COLUMNS[kind]}
   where name = $1`;
const declareSql = (kind: SourceKind): string => `
  update converge.inbox_consumer set ${COLUMNS[kind]} = ${COLUMNS[kind]} || jsonb_object($2::text[], $3::text[])
   where name = $1`;
const readSql = (kind: SourceKind): string =>
  `select ${COLUMNS[kind]} as sources from converge.inbox_consumer where name = $1`;

/** Pins what was seen first, for all partitions alike. */
export async function pinSources(
  executor: Executor,
  consumer: string,
  kind: SourceKind,
  seen: ReadonlyMap<string, string>,
): Promise<void> {
  await executor.query(pinSql(kind), [consumer, [...seen.keys()], [...seen.values()]]);
}

/** Pins what is declared, in place of an earlier pin. */
export async function declareSources(
  executor: Executor,
  consumer: string,
  kind: SourceKind,
  declared: ReadonlyMap<string, string>,
): Promise<void> {
  if (declared.size > 0)
    await executor.query(declareSql(kind), [consumer, [...declared.keys()], [...declared.values()]]);
}

/** Reads the pins of a kind. */
export async function readSources(
  executor: Executor,
  consumer: string,
  kind: SourceKind = 'events',
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await executor.query<{ sources: Record<string, string> }>(readSql(kind), [consumer]);
  return new Map(Object.entries(rows[0]?.sources ?? {}));
}
