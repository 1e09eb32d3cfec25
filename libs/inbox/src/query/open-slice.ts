import type { Position } from '@converge/contracts';
import type { Executor } from '@converge/postgres';
import type { PartitionKey, Stand } from './fence.ts';
import { limitColumns, limitValues, type SessionLimits } from './session.ts';

export interface MovedMark {
  readonly source: string;
  readonly position: Position;
}

/** What a slice moves, and from where. */
export interface Move {
  readonly expected: Stand;
  readonly next: Stand;
  /** Of distinct sources and epochs. */
  readonly marks: readonly MovedMark[];
}

/**
 * The first statement of every slice, all that the inbox itself does in it, in one round trip:
 * - its limits, which hold for this statement's own wait for a lock already (the join needs their row first);
 * - the fence: the row stays locked until the commit, so a second owner waits here and then moves zero rows, whatever its
 *   handlers would have done. Primary key look-up, HOT update;
 * - where the fence moved, the watermarks: a row per source and epoch of the slice, nearly always one. Guarded by the
 *   fence, nobody else writes these rows. Primary key look-up, HOT update.
 */
const openSql = (serverVersion: number): string => `
  with limits as materialized (select ${limitColumns(serverVersion)}),
  fence as (
    update converge.inbox_partition set next_offset = $9::bigint, fills = $15::bigint from limits
     where consumer = $5 and topic = $6 and partition = $7 and next_offset = $8::bigint and fills = $14::bigint
       and state = 'running'
    returning consumer, topic, partition),
  marks as (
    insert into converge.inbox_watermark (consumer, topic, partition, source, epoch, tick, id)
    select f.consumer, f.topic, f.partition, m.source, m.epoch, m.tick, m.id
      from fence f, unnest($10::uuid[], $11::int[], $12::bigint[], $13::bigint[]) as m (source, epoch, tick, id)
    on conflict (consumer, topic, partition, source, epoch) do update set tick = excluded.tick, id = excluded.id)
  select from fence`;

/** False: the fence is not where we left it, so another owner is at work (or an operator halted the partition). */
export async function openSlice(
  tx: Executor,
  key: PartitionKey,
  { expected, next, marks }: Move,
  limits: SessionLimits,
  serverVersion: number,
): Promise<boolean> {
  const { rowCount } = await tx.query(openSql(serverVersion), [
    ...limitValues(limits),
    key.consumer,
    key.topic,
    key.partition,
    `${expected.nextOffset}`,
    `${next.nextOffset}`,
    marks.map(({ source }) => source),
    marks.map(({ position }) => position.epoch),
    marks.map(({ position }) => `${position.tick}`),
    marks.map(({ position }) => `${position.id}`),
    `${expected.fills}`,
    `${next.fills}`,
  ]);
  return rowCount === 1;
}
