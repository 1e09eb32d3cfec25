import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from '../query/fence.ts';
import type { Operator } from './parked.ts';

const rejectSql = `
  insert into converge.inbox_rejected (consumer, topic, partition, record_offset, rejected_by, reason)
  values ($1, $2, $3, $4, $5, $6) on conflict do nothing`;

// The watermarks that this record moved and no later one has moved since: they go back to what it named as its
// predecessor. Evidence about the event there is gone but for when the newest one was made.
const backSql = `
  update converge.inbox_watermark
     set tick = prev_tick, id = prev_id, seen_tick = prev_tick, seen_id = prev_id, seen_event = null,
         prev_epoch = null, prev_tick = null, prev_id = null
   where consumer = $1 and topic = $2 and partition = $3 and seen_offset = $4 and seen_tick = tick and seen_id = id
     and prev_epoch = epoch
  returning source`;
const dropSql = `
  delete from converge.inbox_watermark
   where consumer = $1 and topic = $2 and partition = $3 and seen_offset = $4 and seen_tick = tick and seen_id = id
     and prev_epoch < epoch
  returning source`;

/**
 * Notes a record as forged. Gives the offset from which the partition goes on where the watermark stood at that record:
 * what came after it, and was taken for repeats, is handled.
 */
export async function rejectRecord(
  tx: Executor,
  { consumer, topic, partition }: PartitionKey,
  offset: bigint,
  { by, reason }: Operator,
): Promise<bigint | undefined> {
  const place = [consumer, topic, partition, `${offset}`];
  await tx.query(rejectSql, [...place, by, reason]);
  const back = await tx.query(backSql, place);
  const dropped = await tx.query(dropSql, place);
  return back.rowCount + dropped.rowCount > 0 ? offset : undefined;
}
