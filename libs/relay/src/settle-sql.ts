import type { Executor } from '@converge/postgres';
import type { CursorRecord } from './leadership-sql.ts';

export interface Settlement {
  readonly term: bigint;
  readonly doneTick: bigint;
  readonly cursors: readonly CursorRecord[];
}

// Each row is compared with its OWN term. A check against another row (the lease) passes on that row's old version
// while the update waits for this one, and the cursor goes back. Cursors and done_tick are one statement: done_tick
// must never be ahead of a cursor that it counts on. HOT updates by primary key.
export const settleSql = `
  with moved as (
    update converge.relay_cursor as c set epoch = v.epoch, tick = v.tick, id = v.id
      from unnest($2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[]) as v (topic, partition, epoch, tick, id)
     where c.topic = v.topic and c.partition = v.partition and c.term = $1::bigint
    returning 1
  ),
  done as (
    update converge.relay_source set done_tick = $7::bigint where term = $1::bigint returning 1
  )
  select (select count(*) from moved)::int as moved, (select count(*) from done)::int as done`;

/** Saves positions. False: another term is in the rows, so we were deposed; what was moved is right in any case. */
export async function settle(executor: Executor, { term, doneTick, cursors }: Settlement): Promise<boolean> {
  const { rows } = await executor.query<{ moved: number; done: number }>(settleSql, [
    term.toString(),
    cursors.map((cursor) => cursor.topic),
    cursors.map((cursor) => cursor.partition),
    cursors.map((cursor) => cursor.epoch),
    cursors.map((cursor) => cursor.tick.toString()),
    cursors.map((cursor) => cursor.id),
    doneTick.toString(),
  ]);
  return rows[0]?.moved === cursors.length && rows[0].done === 1;
}

/** How far held topics were caught up; undefined lets a topic go. Only after the cursors were saved. */
export async function settleHeld(
  executor: Executor,
  term: bigint,
  held: readonly { readonly topic: string; readonly heldAt: bigint | undefined }[],
): Promise<boolean> {
  const { rowCount } = await executor.query(
    `update converge.relay_topic as t
        set held_at = v.held_at, held_reason = case when v.held_at is null then null else t.held_reason end
       from unnest($2::text[], $3::bigint[]) as v (topic, held_at)
      where t.topic = v.topic and t.term = $1::bigint`,
    [term.toString(), held.map(({ topic }) => topic), held.map(({ heldAt }) => heldAt?.toString() ?? null)],
  );
  return rowCount === held.length;
}
