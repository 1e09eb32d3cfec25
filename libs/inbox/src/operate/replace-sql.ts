import type { Executor } from '@convergekit/postgres';
import type { LockedRow } from './change-parked-sql.ts';

/** The columns of a dead letter that its replacement follows. */
export interface ReplacedRow {
  readonly headers: string;
  readonly type: string | null;
  readonly version: number | null;
  readonly recordKey: Buffer | null;
}

// By the primary key; the row is locked.
const readSql = `
  select headers, type, version, record_key as "recordKey" from converge.parked where id = $1`;

export async function readReplaced(tx: Executor, id: string): Promise<ReplacedRow> {
  const [row] = (await tx.query<ReplacedRow>(readSql, [id])).rows;
  if (row === undefined) throw new TypeError(`parked event ${id} is locked, and gone`);
  return row;
}

const settleSql = `
  update converge.parked set state = 'replaced', line = null, seq = null, note = $2, changed_at = clock_timestamp() where id = $1`;
const ownLineSql = `
  insert into converge.parked_key (consumer, topic, key, partition, tail, state) values ($1, $2, $3, $4, 1, 'waiting')`;
// It has no position: it never was in the log. Partition and offset stay those of the dead letter, to find it by.
const insertSql = `
  insert into converge.parked (id, consumer, topic, topic_id, line, seq, state, handler, partition, record_offset, timestamp_ms,
    event_id, type, version, source, key, record_key, headers, payload, replaces)
  select $2, consumer, topic, topic_id, $3, $4, 'waiting', handler, partition, record_offset, $5, $6, type, version, source, key,
         record_key, $7, $8, event_id
    from converge.parked where id = $1`;
const wakeSql = `
  update converge.parked_key set state = 'waiting', next_at = clock_timestamp(), leased_until = '-infinity'
   where consumer = $1 and topic = $2 and key = $3`;

export interface NewEvent {
  /** The id of its row. */
  readonly row: string;
  readonly eventId: string;
  readonly headers: string;
  readonly payload: Buffer;
  readonly timeMs: number;
  readonly note: string;
}

/** Puts a new event in the place of a dead letter: in the line of its key, or in one of its own if the key was released. */
export async function putInPlace(tx: Executor, replaced: LockedRow, made: NewEvent): Promise<void> {
  const { id, consumer, topic, partition } = replaced;
  const line = replaced.line ?? made.row;
  await tx.query(settleSql, [id, made.note]);
  if (replaced.line === null) await tx.query(ownLineSql, [consumer, topic, line, partition]);
  await tx.query(insertSql, [
    ...[id, made.row, line, replaced.seq ?? '1', `${made.timeMs}`],
    ...[made.eventId, made.headers, made.payload],
  ]);
  await tx.query(wakeSql, [consumer, topic, line]);
}
