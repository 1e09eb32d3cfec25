import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from '../slice/fence-sql.ts';

export interface HandledType {
  readonly topic: string;
  readonly type: string;
  readonly handler: string;
}

const listed = `unnest($2::text[], $3::text[], $4::text[]) as t (topic, type, handler)`;

const missingSql = `
  select exists (
    select from ${listed} join converge.inbox_partition p on p.consumer = $1 and p.topic = t.topic
     where not exists (select from converge.inbox_type h
                        where h.consumer = $1 and h.topic = t.topic and h.partition = p.partition
                          and h.type = t.type and h.handler = t.handler)) as missing`;

// Locks the rows in the order of the primary key, as every other lock on several of them.
const lockSql = `
  select from converge.inbox_partition where consumer = $1 order by topic, partition for update`;

const insertSql = `
  insert into converge.inbox_type (consumer, topic, type, partition, handler, start_offset)
  select $1, t.topic, t.type, p.partition, t.handler, p.next_offset
    from ${listed} join converge.inbox_partition p on p.consumer = $1 and p.topic = t.topic
  on conflict (consumer, topic, partition, type) do update set handler = excluded.handler`;

/**
 * Records the handled types, from each partition's offset on. The fence rows are locked for it, only when a type is new:
 * slices in work end first, and later ones see it.
 */
export async function registerTypes(
  tx: Executor,
  consumer: string,
  types: readonly HandledType[],
): Promise<void> {
  const values = [
    consumer,
    types.map(({ topic }) => topic),
    types.map(({ type }) => type),
    types.map(({ handler }) => handler),
  ];
  const { rows } = await tx.query<{ missing: boolean }>(missingSql, values);
  if (rows[0]?.missing !== true) return;
  await tx.query(lockSql, [consumer]);
  await tx.query(insertSql, values);
}

const aheadSql = `
  select type from converge.inbox_type
   where consumer = $1 and topic = $2 and partition = $3 and type = any($4::text[])`;

/** Finds the types, unknown here, that another version of this consumer handles. Primary key look-up. */
export async function readHandled(
  executor: Executor,
  { consumer, topic, partition }: PartitionKey,
  types: readonly string[],
): Promise<readonly string[]> {
  const { rows } = await executor.query<{ type: string }>(aheadSql, [consumer, topic, partition, types]);
  return rows.map(({ type }) => type);
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
