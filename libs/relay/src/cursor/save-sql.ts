import type { Executor } from '@convergekit/postgres';
import { SERVER_STARTED } from '@convergekit/postgres/engine';
import type { CursorRecord } from '../leader/takeover-sql.ts';

export interface SavedCursor extends CursorRecord {
  /** The present `save` value of the row, and the next one. */
  readonly save: bigint;
  readonly nextSave: bigint;
}

export interface Save {
  readonly term: bigint;
  /** The server of the takeover. On another one nothing is saved: it may lack what the cursors stand for. */
  readonly server: string;
  readonly doneTick: bigint;
  readonly cursors: readonly SavedCursor[];
  /** The place where the row with done_tick was last written; undefined when unknown. */
  readonly sourceAt?: string | undefined;
}

/** Saves of a row under one value of `save`. */
const SAVES = 32n;

/** Returns the value of `save` for the `count`th save of a row by this leader. */
export function nextSave(save: bigint, count: bigint): bigint {
  return count % SAVES === 0n ? save + 1n : save;
}

// Each row is compared with its OWN term. A check against another row (the lease) passes on that row's old version
// while the update waits for the row of the cursor, and the cursor goes back. Cursors and done_tick are one statement:
// done_tick must never be ahead of a cursor that it counts on. A held snapshot keeps every old version of a row, so
// none may be scanned: a cursor is found by its `save`, which changes now and then (the updates between are HOT), and
// the one row of the source by its place.
const movedSql = `
    update converge.relay_cursor as c set epoch = v.epoch, tick = v.tick, id = v.id, save = v.next_save
      from unnest($2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
           as v (topic, partition, epoch, tick, id, save, next_save)
     where c.topic = v.topic and c.partition = v.partition and c.save = v.save and c.term = $1::bigint
       and ${SERVER_STARTED} = $11::bigint
    returning 1`;

export const saveSql = `
  with moved as (${movedSql}),
  done as (
    update converge.relay_source set done_tick = $9::bigint where ctid = $10::tid and term = $1::bigint and ${SERVER_STARTED} = $11::bigint returning ctid
  )
  select (select count(*) from moved)::int as moved, (select ctid::text from done) as "sourceAt"`;

const doneSql = `
  update converge.relay_source set done_tick = $2::bigint where term = $1::bigint and ${SERVER_STARTED} = $3::bigint returning ctid::text as "sourceAt"`;

/**
 * Saves positions; returns where the row of the source is now. Undefined: another term is in the rows, so we were
 * deposed; what was moved is right in any case.
 */
export async function saveCursors(
  executor: Executor,
  { term, server, doneTick, cursors, sourceAt }: Save,
): Promise<string | undefined> {
  const { rows } = await executor.query<{ moved: number; sourceAt: string | null }>(saveSql, [
    term.toString(),
    cursors.map((cursor) => cursor.topic),
    cursors.map((cursor) => cursor.partition),
    cursors.map((cursor) => cursor.epoch),
    cursors.map((cursor) => cursor.tick.toString()),
    cursors.map((cursor) => cursor.id.toString()),
    cursors.map((cursor) => cursor.save.toString()),
    cursors.map((cursor) => cursor.nextSave.toString()),
    doneTick.toString(),
    sourceAt ?? '(0,0)',
    server,
  ]);
  if (rows[0]?.moved !== cursors.length) return undefined;
  if (rows[0].sourceAt !== null) return rows[0].sourceAt;
  // The row was moved by another statement, or by a rewrite of the table. The cursors are saved already.
  const found = await executor.query<{ sourceAt: string }>(doneSql, [
    term.toString(),
    doneTick.toString(),
    server,
  ]);
  return found.rows[0]?.sourceAt;
}
