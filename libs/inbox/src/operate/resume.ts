import type { Admin } from '@convergekit/broker';
import type { LogEnds } from '@convergekit/broker/engine';
import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import type { Operator } from '@convergekit/postgres/operate';
import { GIVE_UP_LIMIT } from '../alarms.ts';
import { InboxError } from '../errors.ts';
import { wakeKeys } from '../park/claim-sql.ts';
import type { PartitionKey } from '../slice/fence-sql.ts';
import { lockPartition, type PartitionRow } from '../member/partition-sql.ts';
import { auditPartition } from './audit.ts';

export interface ResumeOptions extends Operator {
  /**
   * Passes the obstacle: a gap is recorded in converge.inbox_gap, an old primary's events are skipped. After a pause for faults
   * as many events again as the limit may be given up within the hour.
   */
  readonly pass?: boolean;
  /** Rejects the record at this offset as forged: it becomes a dead letter, its position does not count. */
  readonly reject?: bigint;
  /** Continues with the first record of the log, after the topic was recreated or lost unread records. */
  readonly fromEarliest?: boolean;
}

export interface Resumed {
  readonly code: string;
  /** Obstacles up to this offset are passed. */
  readonly passOffset: bigint | undefined;
  readonly nextOffset: bigint;
}

/**
 * Resumes a halted partition. The partition's owner notices within `watchMs`, and applies filled events first. Nothing
 * is passed without `pass`: a gap that was not filled halts it again. After a pause for faults its parked events are due at
 * once, and one that still fails within the hour of the limit pauses it again. Rejects with RESUME_REFUSED when it is not
 * halted, or when the options do not fit the reason of the halt. converge.audit records the operator and the
 * reason.
 */
export async function resumePartition(
  database: Pick<Database, 'acquire'>,
  admin: Admin,
  key: PartitionKey,
  { pass = false, fromEarliest = false, reject, ...operator }: ResumeOptions,
): Promise<Resumed> {
  const { topic, partition } = key;
  const ends = (await admin.logEnds(topic)).find((one) => one.partition === partition);
  const topicId = (await admin.describeTopic(topic))?.topicId ?? null;
  return withTransaction(database, {}, async (tx) => {
    const row = await lockPartition(tx, key);
    if (row?.halted === undefined) throw refused(`${topic}/${partition} of ${key.consumer} is not halted`);
    const passOffset = pass ? passable(row, ends?.latest) : undefined;
    if (fromEarliest && ends === undefined) throw refused(`the broker has no ${topic}/${partition}`);
    refuseMisfit(row, fromEarliest);
    if (reject !== undefined) refuseAbsent(row, reject, fromEarliest ? undefined : ends);
    const before = reject === undefined ? undefined : await rejectRecord(tx, key, reject);
    const nextOffset = fromEarliest && ends !== undefined ? ends.earliest : (before ?? row.nextOffset);
    const halted = row.halted.code;
    const passed = halted === GIVE_UP_LIMIT ? undefined : passOffset;
    await setRunning(tx, key, {
      nextOffset,
      passOffset: passed,
      topicId: fromEarliest ? topicId : row.topicId,
    });
    if (halted === GIVE_UP_LIMIT) await wakeKeys(tx, key);
    const act = {
      act: 'consumers resume',
      halted,
      fromOffset: row.nextOffset,
      toOffset: nextOffset,
      passOffset,
      rejected: reject,
    } as const;
    await auditPartition(tx, key, act, operator);
    return { code: halted, passOffset: passed, nextOffset };
  });
}

/** Returns how far `--continue` passes: the one record at a gap; all records until now of an old primary; no record of a limit. */
function passable(
  { halted, haltedOffset, nextOffset, topic }: PartitionRow,
  end: bigint | undefined,
): bigint {
  switch (halted?.code) {
    // No record is passed: the audit row with an offset begins the count anew.
    case GIVE_UP_LIMIT:
      return nextOffset;
    case 'gap':
    case 'fork':
    case 'position_jump':
    case 'source_not_listed':
    case 'too_many_sources':
      if (haltedOffset !== undefined) return haltedOffset;
      throw refused(
        `the record at which ${topic} halted is not known: resume it without --continue; it halts again at the same place`,
      );
    case 'epoch_superseded':
      if (end !== undefined) return end > 0n ? end - 1n : 0n;
      throw refused(`the broker does not know the end of ${topic}`);
    default:
      throw refused(
        `--continue passes a gap, events of an old primary, a doubted position, an event of an unknown source or the limit of given-up events, and the partition is halted with ${halted?.code ?? 'none of them'}`,
      );
  }
}

/**
 * Refuses to reject a record that nothing doubts yet, or that the log does not have: a mistyped offset would make a genuine
 * event, which comes there later, a dead letter.
 */
function refuseAbsent(
  { topic, partition, haltedOffset }: PartitionRow,
  reject: bigint,
  ends: LogEnds | undefined,
): void {
  if (ends === undefined || reject < 0n || reject >= ends.latest)
    throw refused(`the log of ${topic}/${partition} has no record at offset ${reject} to reject`);
  if (haltedOffset !== undefined && reject > haltedOffset)
    throw refused(
      `${topic}/${partition} is halted at offset ${haltedOffset}, and no record after it was read: the reason of the halt names the offset to reject`,
    );
}

function refuseMisfit({ halted }: PartitionRow, fromEarliest: boolean): void {
  const moved = halted?.code === 'topic_recreated' || halted?.code === 'offset_out_of_range';
  if (moved && !fromEarliest)
    throw refused(
      `it is halted with ${halted.code}, and the log does not have its offset: resume it with --from earliest (handled events are not handled again, and missing ones are a gap)`,
    );
  if (fromEarliest && !moved)
    throw refused(
      `--from earliest is for a partition whose offset is not in the log any more; to handle events again, use \`converge consumers replay\``,
    );
}

// The offset may be one that an evicted member still expects, whose watermarks are of before: `fills` fences it.
const runSql = `
  update converge.inbox_partition
     set state = 'running', halted_code = null, halted_reason = null, halted_at = null, halted_offset = null,
         paused = false, next_offset = $4::bigint, pass_offset = $5::bigint, fills = fills + 1,
         topic_id = $6, rejected = case when topic_id is not distinct from $6 then rejected end
   where consumer = $1 and topic = $2 and partition = $3`;

async function setRunning(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  to: Pick<PartitionRow, 'nextOffset' | 'passOffset' | 'topicId'>,
): Promise<void> {
  const pass = to.passOffset === undefined ? null : `${to.passOffset}`;
  await tx.query(runSql, [consumer, topic, partition, `${to.nextOffset}`, pass, to.topicId]);
}

function refused(what: string): InboxError {
  return new InboxError('RESUME_REFUSED', what);
}

const rejectSql = `
  update converge.inbox_partition set rejected = array_append(rejected, $4::bigint)
   where consumer = $1 and topic = $2 and partition = $3 and $4::bigint <> all (coalesce(rejected, '{}'))`;

// Sets the watermarks that this record alone moved back to the predecessor that it named. The event there is not known
// any more, except the creation time of the newest one.
const backSql = `
  update converge.inbox_watermark
     set tick = prev_tick, id = prev_id, seen_event = null,
         prev_epoch = null, prev_tick = null, prev_id = null
   where consumer = $1 and topic = $2 and partition = $3 and seen_offset = $4
     and prev_epoch = epoch
  returning source`;
const dropSql = `
  delete from converge.inbox_watermark
   where consumer = $1 and topic = $2 and partition = $3 and seen_offset = $4
     and prev_epoch < epoch
  returning source`;

/** Records a record as forged. Returns the offset to continue from, if the watermark was at that record. */
export async function rejectRecord(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  offset: bigint,
): Promise<bigint | undefined> {
  const place = [consumer, topic, partition, `${offset}`];
  await tx.query(rejectSql, place);
  const back = await tx.query(backSql, place);
  const dropped = await tx.query(dropSql, place);
  return back.rowCount + dropped.rowCount > 0 ? offset : undefined;
}
