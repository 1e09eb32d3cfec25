import type { Position } from '@convergekit/contracts';
import type { Executor } from '@convergekit/postgres';
import type { Gap } from './gap.ts';

/** An event that never came, as it would have been in the log. */
export interface FillEvent {
  readonly position: Position;
  readonly key: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly payload: string;
  readonly timestampMs: number;
}

// Only for the gap that was looked at: FOR SHARE on the fence row, or on the gap that was passed, so that an owner who
// went on meanwhile is seen and one who goes on now waits.
const haltedSql = `
    select from converge.inbox_partition
     where consumer = $1 and topic = $2 and partition = $3 and next_offset = $4::bigint
       and state = 'halted' and halted_code = 'gap' for share`;
const passedSql = `
    select from converge.inbox_gap
     where consumer = $1 and topic = $2 and partition = $3 and gap = $4::bigint
       and (coalesce(filled_epoch, after_epoch), coalesce(filled_tick, after_tick), coalesce(filled_id, after_id))
         = ($13::int, $14::bigint, $15::bigint) for share`;

const putSql = (here: string): string => `
  with here as (${here}
  )
  insert into converge.inbox_fill (consumer, topic, partition, source, epoch, tick, id, key, headers, payload, timestamp_ms)
  select $1, $2, $3, $5::uuid, e.epoch, e.tick, e.id, e.key, e.headers, e.payload, e.timestamp_ms
    from here, unnest($6::int[], $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[], $12::bigint[])
      as e (epoch, tick, id, key, headers, payload, timestamp_ms)
  on conflict do nothing`;

const putSqls = { halted: putSql(haltedSql), passed: putSql(passedSql) } as const;

/** Puts events for the partition's owner, in the caller's transaction. Returns how many were not there before. */
export async function putFill(tx: Executor, gap: Gap, events: readonly FillEvent[]): Promise<number> {
  const { at, after } = gap;
  const passed = [after.epoch, after.tick.toString(), after.id.toString()];
  const { rowCount } = await tx.query(putSqls[at.kind], [
    gap.consumer,
    gap.topic,
    gap.partition,
    at.kind === 'halted' ? at.nextOffset.toString() : at.gap,
    gap.source.id,
    events.map(({ position }) => position.epoch),
    events.map(({ position }) => position.tick.toString()),
    events.map(({ position }) => position.id.toString()),
    events.map(({ key }) => key),
    events.map(({ headers }) => JSON.stringify(headers)),
    events.map(({ payload }) => payload),
    events.map(({ timestampMs }) => timestampMs.toString()),
    ...(at.kind === 'passed' ? passed : []),
  ]);
  return rowCount;
}
