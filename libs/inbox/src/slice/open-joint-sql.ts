import type { Executor } from '@convergekit/postgres';
import type { PartitionKey } from './fence-sql.ts';
import { lastColumns, type Move } from './open-slice-sql.ts';
import { limitColumns, limitValues, type SessionLimits } from './session-sql.ts';

/** The move of one partition. */
export interface PartitionMove extends Move {
  readonly key: PartitionKey;
}

/**
 * The first statement of a joint slice: that of a slice (`open-slice-sql.ts`), for several partitions. It waits for no
 * fence row: one that is locked, or has moved, is missing in its answer, and the caller rolls back. So two joint slices
 * cannot deadlock by fences, and a session that holds one fence holds up no other partition. Primary key look-ups, HOT
 * updates.
 */
const openSql = (serverVersion: number): string => `
  with limits as materialized (select ${limitColumns(serverVersion)}),
  locked as materialized (
    select p.topic, p.partition, m.next_offset, m.fills
      from limits,
           unnest($6::text[], $7::int[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[])
             as m (topic, partition, expected, expected_fills, next_offset, fills)
           join converge.inbox_partition p on p.consumer = $5 and p.topic = m.topic and p.partition = m.partition
     where p.next_offset = m.expected and p.fills = m.expected_fills and p.state = 'running'
       for no key update of p skip locked),
  fence as (
    update converge.inbox_partition p set next_offset = l.next_offset, fills = l.fills from locked l
     where p.consumer = $5 and p.topic = l.topic and p.partition = l.partition
    returning p.topic, p.partition, p.types_version),
  marks as (
    insert into converge.inbox_watermark (consumer, topic, partition, source, epoch, tick, id, seen_tick, seen_id,
                                          seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until)
    select $5, f.topic, f.partition, m.source, m.epoch, m.tick, m.id, m.tick, m.id,
           m.seen_offset, m.seen_event, m.prev_epoch, m.prev_tick, m.prev_id, m.newest_ms, m.unknown_until
      from fence f
      join unnest($12::text[], $13::int[], $14::uuid[], $15::int[], $16::bigint[], $17::bigint[], $18::bigint[], $19::text[],
                  $20::int[], $21::bigint[], $22::bigint[], $23::bigint[], $24::bigint[])
             as m (topic, partition, source, epoch, tick, id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id,
                   newest_ms, unknown_until)
        on m.topic = f.topic and m.partition = f.partition
    on conflict (consumer, topic, partition, source, epoch) do update
       set (tick, id, seen_tick, seen_id, seen_offset, seen_event, prev_epoch, prev_tick, prev_id, newest_ms, unknown_until)
         = (excluded.tick, excluded.id, excluded.seen_tick, excluded.seen_id, excluded.seen_offset, excluded.seen_event,
            excluded.prev_epoch, excluded.prev_tick, excluded.prev_id, excluded.newest_ms, excluded.unknown_until))
  select topic, partition, types_version as types from fence`;

interface Row {
  readonly topic: string;
  readonly partition: number;
  readonly types: string;
}

/**
 * Opens a joint slice of partitions of one consumer. Returns their versions of the registered types, in the order of the
 * moves; undefined: a fence was moved by another owner, is locked, or its partition was halted.
 */
export async function openJoint(
  tx: Executor,
  consumer: string,
  moves: readonly PartitionMove[],
  limits: SessionLimits,
  serverVersion: number,
): Promise<readonly string[] | undefined> {
  const marks = moves.flatMap(({ key, marks: of }) => of.map((mark) => ({ key, mark })));
  const { rows } = await tx.query<Row>(openSql(serverVersion), [
    ...limitValues(limits),
    consumer,
    moves.map(({ key }) => key.topic),
    moves.map(({ key }) => key.partition),
    moves.map(({ expected }) => `${expected.nextOffset}`),
    moves.map(({ expected }) => `${expected.fills}`),
    moves.map(({ next }) => `${next.nextOffset}`),
    moves.map(({ next }) => `${next.fills}`),
    marks.map(({ key }) => key.topic),
    marks.map(({ key }) => key.partition),
    marks.map(({ mark }) => mark.source),
    marks.map(({ mark }) => mark.position.epoch),
    marks.map(({ mark }) => `${mark.position.tick}`),
    marks.map(({ mark }) => `${mark.position.id}`),
    ...lastColumns(marks.map(({ mark }) => mark)),
  ]);
  if (rows.length < moves.length) return undefined;
  const versions = new Map(rows.map(({ topic, partition, types }) => [`${topic}/${partition}`, types]));
  return moves.map(({ key }) => versions.get(`${key.topic}/${key.partition}`) ?? '');
}
