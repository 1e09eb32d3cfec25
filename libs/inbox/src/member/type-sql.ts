import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import { type PartitionKey, type Place, placeColumns } from '../slice/fence-sql.ts';

export interface HandledType {
  readonly topic: string;
  readonly type: string;
  readonly handler: string;
}

// The types of a topic that are there already stay. Waits for another registration.
const addSql = `
  update converge.inbox_consumer c
     set types = (select jsonb_object_agg(topic, coalesce(c.types -> topic, '{}') || coalesce($2::jsonb -> topic, '{}'))
                    from jsonb_object_keys(c.types || $2::jsonb) as topic)
   where name = $1 and not types @> $2::jsonb`;
// Locks the rows in the order of the primary key, as every other lock on several of them.
const lockSql = `
  select from converge.inbox_partition where consumer = $1 order by topic, partition for no key update`;
const raiseSql = `
  update converge.inbox_partition set types_version = types_version + 1 where consumer = $1 and topic = any ($2)`;

/** Records the handled types. For a new one the fences are locked: slices in work end first, later ones see it. */
export async function registerTypes(
  tx: Executor,
  consumer: string,
  types: readonly HandledType[],
): Promise<void> {
  const byTopic = [...Map.groupBy(types, ({ topic }) => topic)].map(
    ([topic, own]) => [topic, Object.fromEntries(own.map(({ type, handler }) => [type, handler]))] as const,
  );
  const listed = JSON.stringify(Object.fromEntries(byTopic));
  if ((await tx.query(addSql, [consumer, listed])).rowCount === 0) return;
  await tx.query(lockSql, [consumer]);
  await tx.query(raiseSql, [consumer, byTopic.map(([topic]) => topic)]);
}

/** The types that are registered for a partition. None was added as long as the version on its fence row is the same. */
export interface KnownTypes {
  readonly version: string;
  readonly types: ReadonlySet<string>;
}

const known = givenRows(
  placeColumns,
  (given) => `
  select concat_ws('/', p.topic, p.partition) as place, p.types_version as version,
         array(select jsonb_object_keys(c.types -> p.topic)) as types
    from converge.inbox_partition p join converge.inbox_consumer c on c.name = p.consumer
   where p.consumer = $3 and (p.topic, p.partition) in (select topic, partition from (${given}) as g)`,
);

/** Reads the registered types of partitions, by `topic/partition`. One statement, so that version and types agree. */
export async function readKnownTypes(
  executor: Executor,
  consumer: string,
  partitions: readonly Place[],
): Promise<ReadonlyMap<string, KnownTypes>> {
  const { rows } = await executor.query<{
    readonly place: string;
    readonly version: string;
    readonly types: readonly string[];
  }>(...known(partitions, consumer));
  return new Map(rows.map(({ place, version, types }) => [place, { version, types: new Set(types) }]));
}

const handledSql = `select from converge.inbox_consumer where name = $1 and types -> $2::text ? $3::text`;

/** True when a version of this consumer handles the type. */
export async function isHandled(
  executor: Executor,
  { consumer, topic }: Pick<PartitionKey, 'consumer' | 'topic'>,
  type: string,
): Promise<boolean> {
  const { rowCount } = await executor.query(handledSql, [consumer, topic, type]);
  return rowCount > 0;
}

const dropSql = `select converge.inbox_drop_type($1, $2, $3)`;

/** Unregisters a type, of every topic if none is given. */
export async function unregisterType(
  executor: Executor,
  consumer: string,
  type: string,
  topic: string | undefined,
): Promise<void> {
  await executor.query(dropSql, [consumer, type, topic ?? null]);
}

const listSql = `
  select t.topic, h.type, h.handler
    from converge.inbox_consumer c, jsonb_each(c.types) as t (topic, own), jsonb_each_text(t.own) as h (type, handler)
   where c.name = $1 order by t.topic, h.type`;

export async function readTypes(executor: Executor, consumer: string): Promise<readonly HandledType[]> {
  return (await executor.query<HandledType>(listSql, [consumer])).rows;
}
