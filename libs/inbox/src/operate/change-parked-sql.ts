import { isUuid } from '@convergekit/core/engine';
import type { Executor } from '@convergekit/postgres';
import { type Operator, recordAct } from '@convergekit/postgres/operate';
import type { ParkedState } from '../park/parked-row.ts';
import { sha256 } from '../slice/record-text.ts';

export interface LockedRow {
  readonly id: string;
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly line: string | null;
  readonly seq: string | null;
  readonly key: string;
  readonly state: ParkedState;
  readonly run: number;
  readonly event_id: string | null;
  readonly closed: string | null;
  readonly failure_event: string | null;
  readonly headers: string;
  readonly type: string | null;
  readonly version: number | null;
  readonly record_key: Buffer | null;
}

// The event is locked first, then its key: the lock order of drains. A drain in its handler has the event locked; this
// waits for it up to lock_timeout.
const lockSql = `
  select id, consumer, topic, partition, line, seq, key, state, run, event_id, closed, failure_event, headers, type, version, record_key
    from converge.parked where id = $1 for update`;

export async function lockParked(tx: Executor, id: string): Promise<LockedRow | undefined> {
  return isUuid(id) ? (await tx.query<LockedRow>(lockSql, [id])).rows[0] : undefined;
}

const againSql = `
  update converge.parked
     set state = 'waiting', line = $2, seq = $3, run = run + 1, tries = 0, attempts = '[]', category = null, certainty = null,
         code = null, reason = null, structural = false, first_at = null, last_at = null, failure_event = null, note = null,
         changed_at = clock_timestamp()
   where id = $1`;
const wakeSql = `
  update converge.parked_key set state = 'waiting', next_at = clock_timestamp(), leased_until = '-infinity'
   where consumer = $1 and topic = $2 and key = $3`;
const ownLineSql = `
  insert into converge.parked_key (consumer, topic, key, partition, tail, state) values ($1, $2, $3, $4, 1, 'waiting')`;

/** Starts another run, in the event's line, or in a line of its own if the key was released. */
export async function runAgain(tx: Executor, row: LockedRow): Promise<void> {
  const { id, consumer, topic, partition, line, seq } = row;
  if (line === null) {
    await tx.query(ownLineSql, [consumer, topic, id, partition]);
    await tx.query(againSql, [id, id, '1']);
    return;
  }
  await tx.query(againSql, [id, line, seq]);
  await tx.query(wakeSql, [consumer, topic, line]);
}

const lockLineSql = `
  select state, next_at <= clock_timestamp() as is_due
    from converge.parked_key where consumer = $1 and topic = $2 and key = $3 for no key update`;
const soonSql = `
  update converge.parked_key set next_at = clock_timestamp() where consumer = $1 and topic = $2 and key = $3`;

/** Makes the event's key due now. Returns how it stood: `behind` a dead letter it is not due. */
export async function wakeLine(
  tx: Executor,
  { consumer, topic, line }: LockedRow,
): Promise<'behind' | 'due' | 'later'> {
  const place = [consumer, topic, line];
  const [locked] = (await tx.query<{ state: string; is_due: boolean }>(lockLineSql, place)).rows;
  if (locked?.state !== 'waiting') return 'behind';
  if (locked.is_due) return 'due';
  await tx.query(soonSql, place);
  return 'later';
}

const takeOutSql = `
  update converge.parked set state = $2, line = null, seq = null, note = $3, changed_at = clock_timestamp() where id = $1`;
const headSql = `
  select state, seq > $4::bigint as is_new from converge.parked where consumer = $1 and topic = $2 and line = $3 order by seq limit 1`;
const dropSql = `delete from converge.parked_key where consumer = $1 and topic = $2 and key = $3`;

/**
 * Takes an event out of its line, which continues with the next one, at once where the head was taken; an empty line is released. The
 * check for a next event comes after the lock, in a separate statement: a slice may just have appended.
 */
export async function takeOut(
  tx: Executor,
  row: LockedRow,
  state: 'skipped' | 'superseded',
  note: string,
): Promise<void> {
  await tx.query(takeOutSql, [row.id, state, note]);
  if (row.line === null) return;
  const place = [row.consumer, row.topic, row.line];
  const locked = (await tx.query<{ state: string }>(lockLineSql, place)).rows[0];
  const [head] = (await tx.query<{ state: string; is_new: boolean }>(headSql, [...place, row.seq])).rows;
  if (head === undefined) await tx.query(dropSql, place);
  else if (head.state === 'waiting' && locked?.state === 'dead') await tx.query(wakeSql, place);
  else if (head.is_new) await wakeLine(tx, row);
}

// It has no position: it never was in the log. Partition and offset stay those of the dead letter, to find it by.
const replacementSql = `
  insert into converge.parked (id, consumer, topic, topic_id, line, seq, state, handler, partition, record_offset, timestamp_ms,
    event_id, type, version, source, key, record_key, headers, payload, replaces)
  select $2, consumer, topic, topic_id, $3, $4, 'waiting', handler, partition, record_offset, $5, $6, type, version, source, key,
         record_key, $7, $8, event_id
    from converge.parked where id = $1`;
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
  await tx.query(takeOutSql, [id, 'replaced', made.note]);
  if (replaced.line === null) await tx.query(ownLineSql, [consumer, topic, line, partition]);
  await tx.query(replacementSql, [
    ...[id, made.row, line, replaced.seq ?? '1', `${made.timeMs}`],
    ...[made.eventId, made.headers, made.payload],
  ]);
  await tx.query(wakeSql, [consumer, topic, line]);
}

const editSql = `
  update converge.parked set edited = $2, changed_at = clock_timestamp()
   where id = $1 and coalesce(edited, payload) is distinct from $2`;

/** Stores an edited payload; the original is kept. False: the event has this payload already. */
export async function putEdited(tx: Executor, id: string, edited: Buffer): Promise<boolean> {
  return (await tx.query(editSql, [id, edited])).rowCount === 1;
}

export interface Act extends Operator {
  readonly act: 'parked retry' | 'parked skip' | 'parked edit' | 'parked replace';
  readonly edited?: Buffer;
  /** Of a replace: the id of the event that took the place. */
  readonly newEvent?: string;
}

/** Records an act on a parked event in its transaction. A payload that it put in place is named by its hash alone. */
export async function writeAudit(tx: Executor, row: LockedRow, done: Act): Promise<void> {
  const { id, consumer, topic, partition, key, event_id: eventId, state, run } = row;
  const { edited, newEvent: event, ...act } = done;
  const before = { parked: id, consumer, topic, partition, key, state, run };
  await recordAct(tx, {
    ...act,
    subject: eventId ?? id,
    before,
    after: { event, sha256: edited && sha256(edited) },
  });
}
