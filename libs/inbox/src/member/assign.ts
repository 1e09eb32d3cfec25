import {
  type Admin,
  type Assignment,
  BrokerError,
  type LogEnds,
  partitionId,
  type StartAt,
  topicUnknown,
} from '@convergekit/broker/engine';
import type { Executor } from '@convergekit/postgres';
import type { HaltedAlarm } from '../alarms.ts';
import { readHeld } from '../park/parked-sql.ts';
import type { SliceContext } from '../slice/context.ts';
import { type Halt, haltPartition } from '../slice/fence-sql.ts';
import { type Loaded, Partition } from '../slice/partition.ts';
import {
  byPlace,
  insertPartitions,
  type PartitionRow,
  readPartition,
  readPartitions,
} from './partition-sql.ts';
import { readKnownTypes } from './type-sql.ts';
import { startFor } from './register.ts';
import { readWatermarks } from './watermark-sql.ts';

/**
 * Compares a partition's row with its log: a halt when the log does not have the row's offset. The function is pure.
 */
export function checkRow(
  consumer: string,
  row: PartitionRow,
  topicId: string | null,
  ends: LogEnds | undefined,
): Halt | undefined {
  if (row.halted !== undefined) return row.halted;
  if (row.topicId !== null && topicId !== null && row.topicId !== topicId)
    return {
      code: 'topic_recreated' satisfies HaltedAlarm,
      reason: `${row.topic} was deleted and created again (topic id ${row.topicId}, now ${topicId}): the consumer's offset ${row.nextOffset} belongs to the old topic. Decide what was lost; then read the new topic from its first record: \`${resumeEarliest(row, consumer)}\` (handled events are not handled again, and missing ones are a gap)`,
    };
  if (ends === undefined || (row.nextOffset >= ends.earliest && row.nextOffset <= ends.latest))
    return undefined;
  return {
    code: 'offset_out_of_range' satisfies HaltedAlarm,
    reason: `the consumer's offset ${row.nextOffset} of ${row.topic}/${row.partition} is not in the log, which has ${ends.earliest} to ${ends.latest}: records were removed before they were read (retention, truncation, a restored broker). Continue with the first record of the log: \`${resumeEarliest(row, consumer)}\` (handled events are not handled again, and missing ones are a gap)`,
  };
}

function resumeEarliest({ topic, partition }: PartitionRow, consumer: string): string {
  return `converge consumers resume ${consumer} --topic ${topic} --partition ${partition} --from earliest --reason "…"`;
}

interface LogNow {
  readonly topicId: string | null;
  /** By partition. An error: its leader does not say, and the others do. */
  readonly ends: ReadonlyMap<number | undefined, LogEnds | BrokerError>;
}

/**
 * Reads which topic bears the name now, and the ends of its log. The ends are read first: of a topic that is made again in
 * between, ends of the new one beside the id of the old one would look like lost records.
 */
export async function logNow(admin: Admin, topic: string): Promise<LogNow> {
  const ends = await admin.partitionEnds(topic);
  const found = await admin.describeTopic(topic);
  if (found === undefined) throw topicUnknown(topic);
  return { topicId: found.topicId, ends: new Map(ends.map((one) => [one.partition, one])) };
}

/** The state of a partition in the database, but for its row. */
type Known = Omit<Loaded, 'row'>;

/**
 * Reads what the database knows of partitions. To be called after their rows were read: a slice that parks a key moves
 * `next_offset`, so a set of parked keys that is older than the fence is detected.
 */
async function readKnown(
  executor: Executor,
  consumer: string,
  partitions: readonly Assignment[],
): Promise<(of: Assignment) => Known> {
  const watermarks = await readWatermarks(executor, consumer, partitions);
  const types = await readKnownTypes(executor, consumer, partitions);
  const held = new Map<string, ReadonlySet<string>>();
  for (const topic of new Set(partitions.map((one) => one.topic)))
    held.set(topic, await readHeld(executor, consumer, topic));
  return ({ topic, partition }) => {
    const place = partitionId(topic, partition);
    return { watermarks: watermarks.get(place), held: held.get(topic), known: types.get(place) };
  };
}

/**
 * Reads the state of newly assigned partitions. Where to begin is decided by the database, not by Kafka. One that its topic
 * gained since the start of the consumer is registered here. A partition without a leader holds no other one back: its log is
 * compared when it has its first fetch.
 */
export async function loadPartitions<DB>(
  { definition, database: { executor }, bounds, time }: SliceContext<DB>,
  admin: Admin,
  assigned: readonly Assignment[],
): Promise<readonly Partition[]> {
  const consumer = definition.name;
  const broker = new Map<string, LogNow>();
  for (const topic of new Set(assigned.map((one) => one.topic)))
    broker.set(topic, await logNow(admin, topic));
  const logOf = ({ topic, partition }: Assignment) => {
    const { topicId = null, ends } = broker.get(topic) ?? {};
    const found = ends?.get(partition);
    return { topicId, ends: found instanceof BrokerError ? undefined : found };
  };
  const rows = await registered(executor, consumer, assigned, logOf);
  const readMs = rows.at(-1)?.readMs;
  if (readMs !== undefined) time.read(readMs);
  const rowOf = byPlace(rows);
  const knownOf = await readKnown(executor, consumer, assigned);
  const partitions: Partition[] = [];
  for (const { topic, partition } of assigned) {
    const row = rowOf({ topic, partition });
    if (row === undefined)
      throw new TypeError(`${partitionId(topic, partition)} of ${consumer} was registered and has no row`);
    const { topicId, ends } = logOf({ topic, partition });
    const halted = checkRow(consumer, row, topicId, ends);
    const key = { consumer, topic, partition };
    const loaded = { row: { ...row, halted }, ...knownOf(key) };
    partitions.push(new Partition(key, startFor(definition, topic), bounds, loaded));
    // The halt is written for all members, and for `consumers resume`.
    if (halted !== undefined && row.halted === undefined)
      await haltPartition(executor, key, row.nextOffset, halted, undefined);
  }
  return partitions;
}

/** Reads the rows of partitions. Those without one were added to a known topic: they are read from their first record. */
async function registered(
  executor: Executor,
  consumer: string,
  assigned: readonly Assignment[],
  logOf: (of: Assignment) => { readonly topicId: string | null; readonly ends: LogEnds | undefined },
): Promise<readonly PartitionRow[]> {
  const rows = await readPartitions(executor, consumer);
  const rowOf = byPlace(rows);
  const added = assigned.filter((place) => rowOf(place) === undefined);
  if (added.length === 0) return rows;
  const places = added.map((place) => {
    const { topicId, ends } = logOf(place);
    return { ...place, topicId, offset: ends?.earliest ?? 0n };
  });
  await insertPartitions(executor, consumer, places);
  return readPartitions(executor, consumer);
}

/** Returns the offsets at which the client begins. A halted partition is paused at its first batch: any will do. */
export function startAt(partitions: readonly Partition[]): ReadonlyMap<string, StartAt> {
  return new Map(
    partitions.map(({ key, nextOffset, halt }) => [
      partitionId(key.topic, key.partition),
      halt === undefined ? nextOffset : 'earliest',
    ]),
  );
}

/** Reads the state of a partition anew: after a lost fence, an outage or an operator's command. */
export async function reload<DB>(context: SliceContext<DB>, partition: Partition): Promise<PartitionRow> {
  const { key } = partition;
  const { executor } = context.database;
  const row = await readPartition(executor, key);
  if (row === undefined)
    throw new Error(`${partitionId(key.topic, key.partition)} of ${key.consumer} is not registered any more`);
  context.time.read(row.readMs);
  const knownOf = await readKnown(executor, key.consumer, [key]);
  partition.reload({ row, ...knownOf(key) });
  return row;
}
