import type { Executor } from '@convergekit/postgres';
import { type GivenColumns, givenRows } from '@convergekit/postgres/engine';
import { type PartitionKey, type Place, placeColumns } from '../slice/fence-sql.ts';

export interface HandledType {
  readonly topic: string;
  readonly type: string;
  readonly handler: string;
}

const typeColumns: GivenColumns<HandledType> = {
  topic: ['text', ({ topic }) => topic],
  type: ['text', ({ type }) => type],
  handler: ['text', ({ handler }) => handler],
};

const missing = givenRows(
  typeColumns,
  (given) => `
  select exists (
    select from (${given}) as t join converge.inbox_partition p on p.consumer = $4 and p.topic = t.topic
     where not exists (select from converge.inbox_type h
                        where h.consumer = $4 and h.topic = t.topic and h.partition = p.partition
                          and h.type = t.type and h.handler = t.handler)) as missing`,
);

// Locks the rows in the order of the primary key, as every other lock on several of them.
const lockSql = `
  select from converge.inbox_partition where consumer = $1 order by topic, partition for no key update`;

const insertion = givenRows(
  typeColumns,
  (given) => `
  insert into converge.inbox_type (consumer, topic, type, partition, handler, start_offset)
  select $4, t.topic, t.type, p.partition, t.handler, p.next_offset
    from (${given}) as t join converge.inbox_partition p on p.consumer = $4 and p.topic = t.topic
  on conflict (consumer, topic, partition, type) do update set handler = excluded.handler`,
);

/**
 * Records the handled types, from each partition's offset on. The fence rows are locked for it, only when a type is new:
 * slices in work end first, and later ones see it.
 */
export async function registerTypes(
  tx: Executor,
  consumer: string,
  types: readonly HandledType[],
): Promise<void> {
  const { rows } = await tx.query<{ missing: boolean }>(...missing(types, consumer));
  if (rows[0]?.missing !== true) return;
  await tx.query(lockSql, [consumer]);
  await tx.query(...insertion(types, consumer));
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
         array(select t.type from converge.inbox_type t
                where t.consumer = p.consumer and t.topic = p.topic and t.partition = p.partition) as types
    from converge.inbox_partition p
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

const handledSql = `
  select from converge.inbox_type where consumer = $1 and topic = $2 and partition = $3 and type = $4`;

/** True when a version of this consumer handles the type. Primary key look-up. */
export async function isHandled(
  executor: Executor,
  { consumer, topic, partition }: PartitionKey,
  type: string,
): Promise<boolean> {
  const { rowCount } = await executor.query(handledSql, [consumer, topic, partition, type]);
  return rowCount > 0;
}

const dropSql = `
  delete from converge.inbox_type where consumer = $1 and type = $2 and ($3::text is null or topic = $3)`;

/** Unregisters a type, of every topic if none is given. Returns from how many partitions. */
export async function dropType(
  executor: Executor,
  consumer: string,
  type: string,
  topic: string | undefined,
): Promise<number> {
  const { rowCount } = await executor.query(dropSql, [consumer, type, topic ?? null]);
  return rowCount;
}

const listSql = `
  select topic, type, handler, count(*)::int as partitions, min(registered_at) as since
    from converge.inbox_type where consumer = $1 group by topic, type, handler order by topic, type`;

export interface RegisteredType extends HandledType {
  readonly partitions: number;
  readonly since: Date;
}

export async function readTypes(executor: Executor, consumer: string): Promise<readonly RegisteredType[]> {
  return (await executor.query<RegisteredType>(listSql, [consumer])).rows;
}
