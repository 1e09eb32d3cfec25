import { type Admin, type Assignment, type LogEnds, partitionId, type StartAt } from '@convergekit/kafka';
import type { HaltedAlarm } from '../alarms.ts';
import type { Seen } from '../plan/judge.ts';
import { firstLimit } from '../slice/slice-limit.ts';
import { haltPartition } from '../slice/fence-sql.ts';
import { type PartitionRow, readPartitions } from './partition-sql.ts';
import { readHeld } from '../park/parked-sql.ts';
import { readWatermarks } from './watermark-sql.ts';
import { type Halt, noCounts, type Partition, type SliceContext } from '../slice/context.ts';
import { startFor } from './register.ts';

/** What our row says about a partition, against what the broker says. Pure. */
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
      reason: `${row.topic} was deleted and made again (topic id ${row.topicId}, now ${topicId}): our offset ${row.nextOffset} is of the old one. Decide what was lost; then read the new one from its first record: \`${resumeEarliest(row, consumer)}\` (what was handled is not handled again, and what is missing is a gap)`,
    };
  if (ends === undefined || (row.nextOffset >= ends.earliest && row.nextOffset <= ends.latest))
    return undefined;
  return {
    code: 'offset_out_of_range' satisfies HaltedAlarm,
    reason: `our offset ${row.nextOffset} of ${row.topic}/${row.partition} is not in the log, which has ${ends.earliest} to ${ends.latest}: records went before they were read (retention, truncation, a restored broker). Go on with the first record that is there: \`${resumeEarliest(row, consumer)}\` (what was handled is not handled again, and what is missing is a gap)`,
  };
}

function resumeEarliest({ topic, partition }: PartitionRow, consumer: string): string {
  return `converge consumers resume ${consumer} --topic ${topic} --partition ${partition} --from earliest --reason "…"`;
}

/** What the broker says about a topic. */
export interface LogNow {
  readonly topicId: string | null;
  readonly ends: readonly LogEnds[];
}

export async function logNow(admin: Admin, topic: string): Promise<LogNow> {
  const topicId = (await admin.describeTopic(topic))?.topicId ?? null;
  return { topicId, ends: await admin.logEnds(topic) };
}

/** Reads the state of partitions that were just assigned: where to begin is the database's word, not Kafka's. */
export async function loadPartitions<DB>(
  context: SliceContext<DB>,
  admin: Admin,
  assigned: readonly Assignment[],
): Promise<readonly Partition[]> {
  const consumer = context.definition.name;
  const rows = await readPartitions(context.database.executor, consumer);
  const watermarks = await readWatermarks(context.database.executor, consumer, assigned);
  const topics = new Set(assigned.map(({ topic }) => topic));
  const held = new Map<string, ReadonlySet<string>>();
  for (const topic of topics) held.set(topic, await readHeld(context.database.executor, consumer, topic));
  const broker = new Map<string, LogNow>();
  for (const topic of topics) broker.set(topic, await logNow(admin, topic));
  const partitions = assigned.map(({ topic, partition }) => {
    const row = rows.find((one) => one.topic === topic && one.partition === partition);
    if (row === undefined)
      throw new Error(`${partitionId(topic, partition)} of ${consumer} is not registered yet`);
    const { topicId = null, ends = [] } = broker.get(topic) ?? {};
    const halted = checkRow(
      consumer,
      row,
      topicId,
      ends.find((one) => one.partition === partition),
    );
    return partitionOf(context, row, {
      watermarks: watermarks.get(partitionId(topic, partition)),
      held: held.get(topic),
      halted,
    });
  });
  for (const found of partitions) {
    const row = rows.find(({ topic, partition }) => isPlace(found, topic, partition));
    if (found.halted === undefined || row?.halted !== undefined) continue;
    // For everybody to see, and for `consumers resume` to find.
    await haltPartition(context.database.executor, found.key, found.nextOffset, found.halted, undefined);
  }
  return partitions;
}

function isPlace({ key }: Partition, topic: string, partition: number): boolean {
  return key.topic === topic && key.partition === partition;
}

function partitionOf<DB>(
  { definition, bounds }: SliceContext<DB>,
  { topic, partition, topicId, nextOffset, passOffset, rejected, filled, fills }: PartitionRow,
  known: {
    readonly watermarks: ReadonlyMap<string, Seen> | undefined;
    readonly held: ReadonlySet<string> | undefined;
    readonly halted: Halt | undefined;
  },
): Partition {
  return {
    key: { consumer: definition.name, topic, partition },
    start: startFor(definition, topic),
    topicId,
    nextOffset,
    watermarks: new Map(known.watermarks),
    halted: known.halted,
    passOffset,
    rejected,
    filled,
    fills,
    ahead: new Set(),
    revision: 0,
    held: new Set(known.held),
    paused: undefined,
    pauses: 0,
    limit: firstLimit(bounds),
    suspect: undefined,
    outages: 0,
    lag: 0n,
    next: undefined,
    standstill: undefined,
    counts: noCounts(),
  };
}

/** Where the client begins. A halted partition is paused at its first batch, so any place that exists will do. */
export function startAt(partitions: readonly Partition[]): ReadonlyMap<string, StartAt> {
  return new Map(
    partitions.map(({ key, nextOffset, halted }) => [
      partitionId(key.topic, key.partition),
      halted === undefined ? nextOffset : 'earliest',
    ]),
  );
}

/** What the database says now: after a lost fence, an outage, or an operator's command. */
export async function reload<DB>(context: SliceContext<DB>, partition: Partition): Promise<PartitionRow> {
  const { consumer, topic, partition: number } = partition.key;
  const { executor } = context.database;
  const rows = await readPartitions(executor, consumer);
  const row = rows.find((one) => one.topic === topic && one.partition === number);
  if (row === undefined)
    throw new Error(`${partitionId(topic, number)} of ${consumer} is not registered any more`);
  const watermarks = await readWatermarks(executor, consumer, [partition.key]);
  partition.held = await readHeld(executor, consumer, topic);
  partition.nextOffset = row.nextOffset;
  partition.topicId = row.topicId;
  partition.halted = row.halted;
  partition.passOffset = row.passOffset;
  partition.rejected = row.rejected;
  partition.filled = row.filled;
  partition.fills = row.fills;
  partition.watermarks = new Map(watermarks.get(partitionId(topic, number)));
  partition.suspect = undefined;
  partition.ahead = new Set();
  return row;
}
