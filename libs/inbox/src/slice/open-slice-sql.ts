import { columnsOf } from '../columns.ts';
import type { LastEvent } from '../plan/judge.ts';
import type { Executor } from '@convergekit/postgres';
import type { PartitionKey, Stand } from './fence-sql.ts';
import type { MovedMark } from '../plan/judge.ts';
import { limitColumns, limitValues, type SessionLimits } from './session-sql.ts';

/** The move of one partition: the rows that a slice moves, and their present values. */
export interface Move {
  readonly key: PartitionKey;
  readonly expected: Stand;
  readonly next: Stand;
  /** Marks of distinct sources and epochs. */
  readonly marks: readonly MovedMark[];
}

const WATERMARK = `source, epoch, tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until`;
const UNMOVED = `p.consumer = $5 and p.topic = m.topic and p.partition = m.partition
       and p.next_offset = m.expected and p.fills = m.expected_fills and p.state = 'running'`;

/** Fences of several partitions: one that is locked is missing in the answer, instead of waited for. */
const lockedSql = `
  locked as materialized (
    select m.* from limits, moves m join converge.inbox_partition p on ${UNMOVED}
       for no key update of p skip locked),`;

/**
 * The first statement of every slice does all of the inbox's own work, in one round trip:
 * - the session limits, which already apply to this statement's own wait for a lock (the join needs their row first);
 * - the fences: their rows stay locked until the commit. A slice of one partition waits for its fence, so that a second
 *   owner waits here and then moves zero rows, before any of its handlers runs. One of several waits for none: two of them
 *   cannot deadlock by fences, and a session that holds one fence holds up no other partition. Primary key look-ups, HOT
 *   updates;
 * - the versions of the registered types, from the locked rows: a snapshot may be older than the lock;
 * - the watermarks of the fences that moved: a row per source and epoch of the slice, nearly always one. The fence guards
 *   these rows against other writers. Primary key look-ups, HOT updates.
 */
const openSql = (serverVersion: number, isJoint: boolean): string => `
  with limits as materialized (select ${limitColumns(serverVersion)}),
  moves as (
    select * from unnest($6::text[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
                    as m (topic, partition, expected, expected_fills, next_offset, fills)),${isJoint ? lockedSql : ''}
  fence as (
    update converge.inbox_partition p set next_offset = m.next_offset, fills = m.fills
      from limits, ${isJoint ? 'locked' : 'moves'} m
     where ${UNMOVED}
    returning p.topic, p.partition, p.types_version),
  marks as (
    insert into converge.inbox_watermark (consumer, topic, partition, ${WATERMARK})
    select $5, f.topic, f.partition, m.source, m.epoch, m.tick, m.id, m.seen_offset, m.seen_event, m.prev_epoch, m.prev_tick,
           m.prev_id, m.newest_ms, m.unknown_until
      from fence f
      join unnest($12::text[], $13::int[], $14::uuid[], $15::int[], $16::bigint[], $17::bigint[], $18::bigint[], $19::text[],
                  $20::int[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[])
             as m (topic, partition, ${WATERMARK})
        on m.topic = f.topic and m.partition = f.partition
    on conflict (consumer, topic, partition, source, epoch) do update
       set (tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until)
         = (excluded.tick, excluded.id, excluded.seen_offset, excluded.seen_event, excluded.prev_epoch,
            excluded.prev_tick, excluded.prev_id, excluded.newest_ms, excluded.unknown_until))
  select topic, partition, types_version as types from fence`;

/** The cells of the event at a watermark; all null without an event. */
function lastCells(last: LastEvent | undefined): readonly (string | null)[] {
  const { offset, id, prev, newestMs, unknownUntilMs }: Partial<LastEvent> = last ?? {};
  const times = [newestMs, unknownUntilMs].map((ms) => (ms === undefined ? undefined : Math.trunc(ms)));
  return [offset, id, prev?.epoch, prev?.tick, prev?.id, ...times].map((cell) =>
    cell === undefined ? null : String(cell),
  );
}

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly types: string;
}

/**
 * Opens a slice of partitions of one consumer. Returns their versions of the registered types, in the order of the moves;
 * undefined: a fence was moved by another owner, its partition was halted, or one of several is locked.
 */
export async function openSlice(
  tx: Executor,
  moves: readonly Move[],
  limits: SessionLimits,
  serverVersion: number,
): Promise<readonly string[] | undefined> {
  const marks = moves.flatMap(({ key, marks: of }) => of.map((mark) => ({ key, mark })));
  const { rows } = await tx.query<Row>(openSql(serverVersion, moves.length > 1), [
    ...limitValues(limits),
    moves[0]?.key.consumer ?? '',
    ...columnsOf(moves, 6, ({ key: { topic, partition }, expected, next }) => [
      ...[topic, partition, `${expected.nextOffset}`, `${expected.fills}`],
      ...[`${next.nextOffset}`, `${next.fills}`],
    ]),
    ...columnsOf(marks, 13, ({ key, mark: { source, position, last } }) => [
      ...[key.topic, key.partition, source, position.epoch, `${position.tick}`, `${position.id}`],
      ...lastCells(last),
    ]),
  ]);
  if (rows.length < moves.length) return undefined;
  const versions = new Map(rows.map(({ topic, partition, types }) => [`${topic}/${partition}`, types]));
  return moves.map(({ key }) => versions.get(`${key.topic}/${key.partition}`) ?? '');
}
