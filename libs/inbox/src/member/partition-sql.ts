import { partitionId } from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import { givenRows } from '@convergekit/postgres/engine';
import { isPaused, type PartitionKey, type Place, placeColumns, THIS_SERVER } from '../slice/fence-sql.ts';

export interface PartitionRow {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string | null;
  readonly nextOffset: bigint;
  readonly halted: { readonly code: string; readonly reason: string } | undefined;
  /** True when an operator paused it, or the kit did for faults: its parked events wait, too. */
  readonly paused: boolean;
  /** The offset of the record at which it halted, if it was one. */
  readonly haltedOffset: bigint | undefined;
  /** Obstacles up to this offset may be passed, by an operator's decision. */
  readonly passOffset: bigint | undefined;
  /** Offsets of records of the topic with this id that an operator rejected as forged. */
  readonly rejected: ReadonlySet<bigint>;
  /** True when `consumers fill` stored events for the partition. */
  readonly filled: boolean;
  /** Slices of filled events so far: with `nextOffset`, what the fence compares. */
  readonly fills: bigint;
  /** The database that has the row. */
  readonly server: string;
  /** What its owner noted that it waits for. */
  readonly waitCode: string | null;
  /** The time of the database when the row was read, in milliseconds since 1970. */
  readonly readMs: number;
  /** True when a key of the consumer is parked, in any partition. */
  readonly keysParked: boolean;
}

type Raw = Pick<
  PartitionRow,
  'topic' | 'partition' | 'topicId' | 'paused' | 'filled' | 'server' | 'waitCode' | 'readMs' | 'keysParked'
> & {
  readonly next: string;
  readonly code: string | null;
  readonly reason: string | null;
  readonly halted_offset: string | null;
  readonly pass_offset: string | null;
  readonly rejected: readonly string[] | null;
  readonly fills: string;
};

const rowsSql = (and: string): string => `
  select topic, partition, topic_id as "topicId", next_offset as next, halted_code as code, halted_reason as reason, halted_offset,
         pass_offset, fills, ${isPaused} as paused, rejected::text[], ${THIS_SERVER} as server, wait_code as "waitCode",
         (extract(epoch from clock_timestamp()) * 1000)::float8 as "readMs",
         exists (select from converge.inbox_fill f
                  where f.consumer = p.consumer and f.topic = p.topic and f.partition = p.partition) as filled,
         exists (select from converge.parked_key where consumer = $1) as "keysParked"
    from converge.inbox_partition p where consumer = $1${and} order by topic, partition`;
const byConsumerSql = rowsSql('');
const byPlaceSql = rowsSql(' and topic = $2 and partition = $3');

/** Reads every partition of a consumer, by the primary key's first column. */
export async function readPartitions(executor: Executor, consumer: string): Promise<readonly PartitionRow[]> {
  const { rows } = await executor.query<Raw>(byConsumerSql, [consumer]);
  return rows.map(partitionRow);
}

function partitionRow(raw: Raw): PartitionRow {
  const { next, code, reason, halted_offset, pass_offset, rejected, fills, ...row } = raw;
  return {
    ...row,
    nextOffset: BigInt(next),
    halted: code === null ? undefined : { code, reason: reason ?? '' },
    haltedOffset: offsetOf(halted_offset),
    passOffset: offsetOf(pass_offset),
    rejected: new Set((rejected ?? []).map(BigInt)),
    fills: BigInt(fills),
  };
}

/** Returns a function that finds the row of a partition (pure): a topic may have thousands. */
export function byPlace<Row extends Place>(rows: readonly Row[]): (of: Place) => Row | undefined {
  const found = new Map(rows.map((row) => [partitionId(row.topic, row.partition), row]));
  return ({ topic, partition }) => found.get(partitionId(topic, partition));
}

function offsetOf(text: string | null): bigint | undefined {
  return text === null ? undefined : BigInt(text);
}

export async function readPartition(
  executor: Executor,
  { consumer, topic, partition }: PartitionKey,
): Promise<PartitionRow | undefined> {
  const { rows } = await executor.query<Raw>(byPlaceSql, [consumer, topic, partition]);
  return rows.map(partitionRow)[0];
}

const lockSql = `
  select from converge.inbox_partition where consumer = $1 and topic = $2 and partition = $3 for no key update`;

/** Locks the fence and reads its row: a present slice ends first, and the next slice detects the move. */
export async function lockPartition(tx: Executor, key: PartitionKey): Promise<PartitionRow | undefined> {
  await tx.query(lockSql, [key.consumer, key.topic, key.partition]);
  return readPartition(tx, key);
}

export interface NewPartition {
  readonly topic: string;
  readonly partition: number;
  readonly topicId: string | null;
  readonly offset: bigint;
}

const consumerSql = `insert into converge.inbox_consumer (name) values ($1) on conflict (name) do nothing`;
const registrationSql = `select from converge.inbox_consumer where name = $1 for update`;
const insertion = givenRows<NewPartition>(
  {
    ...placeColumns,
    topic_id: ['text', ({ topicId }) => topicId],
    start: ['bigint', ({ offset }) => `${offset}`],
  },
  (given) => `
  insert into converge.inbox_partition (consumer, topic, partition, topic_id, start_offset, next_offset)
  select $5, n.topic, n.partition, n.topic_id, n.start, n.start from (${given}) as n
  on conflict (consumer, topic, partition) do nothing`,
);

/** Locks the consumer's registration until the transaction ends. Members then agree on a topic's start. */
export async function lockRegistration(tx: Executor, consumer: string): Promise<void> {
  await tx.query(consumerSql, [consumer]);
  await tx.query(registrationSql, [consumer]);
}

export async function insertPartitions(
  tx: Executor,
  consumer: string,
  partitions: readonly NewPartition[],
): Promise<void> {
  if (partitions.length === 0) return;
  await tx.query(...insertion(partitions, consumer));
}
