import type { Executor } from '@convergekit/postgres';

/** What a source counts for: positions under its name, or the failure events of a consumer. */
export type SourceKind = 'events' | 'failures';

const COLUMNS = { events: 'sources', failures: 'failure_sources' } as const satisfies Record<
  SourceKind,
  string
>;

const pinSql = (kind: SourceKind): string => `
  update converge.inbox_consumer set ${COLUMNS[kind]} = jsonb_object($2::text[], $3::text[]) || ${COLUMNS[kind]}
   where name = $1`;
const declareSql = `
  update converge.inbox_consumer set failure_sources = failure_sources || jsonb_object($2::text[], $3::text[])
   where name = $1`;
const readSql = (kind: SourceKind): string =>
  `select ${COLUMNS[kind]} as sources from converge.inbox_consumer where name = $1`;

/** Pins the first uuid seen under each name, for all partitions alike. A name of `failures` is the consumer that failed. */
export async function pinSources(
  executor: Executor,
  consumer: string,
  kind: SourceKind,
  seen: ReadonlyMap<string, string>,
): Promise<void> {
  await executor.query(pinSql(kind), [consumer, [...seen.keys()], [...seen.values()]]);
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
  const { rows } = await executor.query<{ sources: Record<string, string> }>(readSql(kind), [consumer]);
  return new Map(Object.entries(rows[0]?.sources ?? {}));
}
