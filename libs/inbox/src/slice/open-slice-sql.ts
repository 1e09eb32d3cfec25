import type { LastEvent } from '../plan/judge.ts';
import type { Executor } from '@convergekit/postgres';
import type { PartitionKey, Stand } from './fence-sql.ts';
import type { MovedMark } from './marks.ts';
import { limitColumns, limitValues, type SessionLimits } from './session-sql.ts';

/** The rows that a slice moves, and their present values. */
export interface Move {
  readonly expected: Stand;
  readonly next: Stand;
  /** Marks of distinct sources and epochs. */
  readonly marks: readonly MovedMark[];
}

/**
 * The first statement of every slice does all of the inbox's own work, in one round trip:
 * - the session limits, which already apply to this statement's own wait for a lock (the join needs their row first);
 * - the fence: its row stays locked until the commit, so a second owner waits here and then moves zero rows, before any of
 *   its handlers runs. Primary key look-up, HOT update;
 * - the version of the registered types, from the locked row: a snapshot may be older than the lock;
 * - if the fence moved, the watermarks: a row per source and epoch of the slice, nearly always one. The fence guards these
 *   rows against other writers. Primary key look-up, HOT update.
 */
const openSql = (serverVersion: number): string => `
  with limits as materialized (select ${limitColumns(serverVersion)}),
  fence as (
    update converge.inbox_partition set next_offset = $9::bigint, fills = $15::bigint from limits
     where consumer = $5 and topic = $6 and partition = $7 and next_offset = $8::bigint and fills = $14::bigint
       and state = 'running'
    returning consumer, topic, partition, types_version),
  marks as (
    insert into converge.inbox_watermark (consumer, topic, partition, source, epoch, tick, id, seen_tick, seen_id,
                                          seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until)
    select f.consumer, f.topic, f.partition, m.source, m.epoch, m.tick, m.id, m.tick, m.id,
           m.seen_offset, m.seen_event, m.prev_epoch, m.prev_tick, m.prev_id, m.newest_ms, m.unknown_until
      from fence f, unnest($10::uuid[], $11::int[], $12::bigint[], $13::bigint[], $16::bigint[], $17::text[], $18::int[],
                           $19::bigint[], $20::bigint[], $21::bigint[], $22::bigint[])
                 as m (source, epoch, tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms,
                       unknown_until)
    on conflict (consumer, topic, partition, source, epoch) do update
       set (tick, id, seen_tick, seen_id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until)
         = (excluded.tick, excluded.id, excluded.seen_tick, excluded.seen_id, excluded.seen_offset, excluded.seen_event,
            excluded.prev_epoch, excluded.prev_tick, excluded.prev_id, excluded.newest_ms, excluded.unknown_until))
  select types_version as types from fence`;

/** The columns of the events at the watermarks; all null without an event. */
export function lastColumns(marks: readonly MovedMark[]): readonly unknown[] {
  const column = (of: (last: LastEvent) => bigint | number | string | undefined) =>
    marks.map(({ last }) => {
      const value = last === undefined ? undefined : of(last);
      return value === undefined ? null : String(value);
    });
  return [
    column(({ offset }) => offset),
    column(({ id }) => id),
    column(({ prev }) => prev?.epoch),
    column(({ prev }) => prev?.tick),
    column(({ prev }) => prev?.id),
    column(({ newestMs }) => Math.trunc(newestMs)),
    column(({ unknownUntilMs }) => Math.trunc(unknownUntilMs)),
  ];
}

/**
 * Opens a slice. Returns the version of the registered types; undefined: the fence was moved by another owner, or an operator
 * halted the partition.
 */
export async function openSlice(
  tx: Executor,
  key: PartitionKey,
  { expected, next, marks }: Move,
  limits: SessionLimits,
  serverVersion: number,
): Promise<string | undefined> {
  const { rows } = await tx.query<{ types: string }>(openSql(serverVersion), [
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
    ...lastColumns(marks),
  ]);
  return rows[0]?.types;
}
