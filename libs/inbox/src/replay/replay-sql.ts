import { comparePositions, type Position, START } from '@convergekit/contracts/engine';
import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from '../slice/fence-sql.ts';
import type { PartitionRow } from '../member/partition-sql.ts';

// The offset may be one that an evicted member still expects, whose parked keys are of before: `fills` fences it.
const backSql = `
  update converge.inbox_partition set next_offset = $4::bigint, pass_offset = null, fills = fills + 1
   where consumer = $1 and topic = $2 and partition = $3`;
const runSql = `
  update converge.inbox_partition
     set state = 'running', halted_code = null, halted_reason = null, halted_at = null, halted_offset = null
   where consumer = $1 and topic = $2 and partition = $3`;

/** Sets a partition back. It continues from there, unless it is paused: a pause ends by a resume alone. */
export async function setBack(
  tx: Executor,
  key: PartitionKey,
  offset: bigint,
  { paused }: Pick<PartitionRow, 'paused'>,
): Promise<void> {
  const place = [key.consumer, key.topic, key.partition];
  await tx.query(backSql, [...place, `${offset}`]);
  if (!paused) await tx.query(runSql, place);
}

const forgetSql = `
  delete from converge.inbox_watermark
   where consumer = $1 and topic = $2 and partition = $3 and source = $4 and epoch >= $5`;
const markSql = `
  insert into converge.inbox_watermark (consumer, topic, partition, source, epoch, tick, id)
  values ($1, $2, $3, $4, $5, $6, $7)`;

/** Sets the watermark of a source back to `to`, and forgets later epochs. */
export async function setWatermark(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  source: string,
  to: Position,
): Promise<void> {
  const place = [consumer, topic, partition, source];
  await tx.query(forgetSql, [...place, to.epoch]);
  if (comparePositions(to, START) > 0)
    await tx.query(markSql, [...place, to.epoch, `${to.tick}`, `${to.id}`]);
}

const foreignSql = `delete from converge.inbox_foreign where consumer = $1 and identity = any($2::bytea[])`;

export async function forgetForeign(
  tx: Executor,
  consumer: string,
  identities: readonly Buffer[],
): Promise<number> {
  if (identities.length === 0) return 0;
  return (await tx.query(foreignSql, [consumer, identities])).rowCount;
}

// Lines that lose events are locked before their rows, as slices and drains do. A line that keeps some ends with the last one
// that stays, and is due when the dead letter that held it went; one that keeps none is released. Drains at work find their row
// deleted, and roll back.
const lineSql = `
  select k.key from converge.parked_key k
   where k.consumer = $1 and k.topic = $2 and k.partition = $3
     and exists (select from converge.parked p
                  where p.consumer = k.consumer and p.topic = k.topic and p.line = k.key and p.record_offset >= $4::bigint)
   order by k.key for update of k`;
// The parked rows include given-up and skipped events: a row would make a second failure count as a repeat. Offsets of
// a recreated topic are not comparable with those of the old one.
const parkedSql = `
  delete from converge.parked p using converge.inbox_partition f
   where p.consumer = $1 and p.topic = $2 and p.partition = $3 and p.record_offset >= $4::bigint
     and f.consumer = $1 and f.topic = $2 and f.partition = $3
     and coalesce(p.topic_id, f.topic_id) is not distinct from f.topic_id`;
// The same rows as parkedSql, those of them whose failure events were emitted, by the index parked_state. What an operator
// put in the place of an event is not in the log, and is not handled again.
const reportedSql = `
  select p.id, p.event_id as "eventId", p.failure_event as "failureEvent", p.key
    from converge.parked p join converge.inbox_partition f
      on f.consumer = p.consumer and f.topic = p.topic and f.partition = p.partition
   where p.consumer = $1 and p.topic = $2 and p.partition = $3 and p.record_offset >= $4::bigint
     and p.state in ('dead', 'rejected', 'skipped', 'replaced') and p.failure_event is not null and p.replaces is null
     and coalesce(p.topic_id, f.topic_id) is not distinct from f.topic_id
   order by p.record_offset`;

/** A given-up event that a replay handles again although its failure event was emitted. */
export interface ReportedEvent {
  /** Of the parked row. */
  readonly id: string;
  readonly eventId: string | null;
  readonly failureEvent: string;
  readonly key: string;
}

/** Reads the given-up events from an offset on: a replay forgets that they were given up. */
export async function readReported(
  executor: Executor,
  { consumer, topic, partition }: PartitionKey,
  offset: bigint,
): Promise<readonly ReportedEvent[]> {
  return (await executor.query<ReportedEvent>(reportedSql, [consumer, topic, partition, `${offset}`])).rows;
}

const releaseSql = `
  delete from converge.parked_key k
   where k.consumer = $1 and k.topic = $2 and k.key = any($3::text[])
     and not exists (select from converge.parked p where p.consumer = $1 and p.topic = $2 and p.line = k.key)`;
const tailSql = `
  update converge.parked_key k
     set tail = (select max(p.seq) from converge.parked p where p.consumer = $1 and p.topic = $2 and p.line = k.key),
         state = (select case p.state when 'dead' then 'dead' else 'waiting' end from converge.parked p
                   where p.consumer = $1 and p.topic = $2 and p.line = k.key order by p.seq limit 1),
         next_at = case k.state when 'dead' then clock_timestamp() else k.next_at end
   where k.consumer = $1 and k.topic = $2 and k.key = any($3::text[])`;

/** Removes the rows of parked events that will be handled again, and adjusts their lines. Returns how many. */
export async function forgetParked(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  offset: bigint,
): Promise<number> {
  const place = [consumer, topic, partition, `${offset}`];
  const { rows } = await tx.query<{ key: string }>(lineSql, place);
  const lines = rows.map(({ key }) => key);
  const { rowCount } = await tx.query(parkedSql, place);
  if (lines.length > 0) {
    await tx.query(releaseSql, [consumer, topic, lines]);
    await tx.query(tailSql, [consumer, topic, lines]);
  }
  return rowCount;
}
