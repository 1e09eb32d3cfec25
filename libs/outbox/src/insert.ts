import type { Executor, ExecutorResult } from '@converge/postgres';
import { instruments } from '@converge/telemetry';
import type { EventRow } from './event-row.ts';

/** What resolves a commit whose answer is lost: the transaction's id, and one row that it wrote. */
export interface Written {
  readonly xid: string;
  readonly lastId: string;
  readonly lastEventId: string;
}

/** One statement stays small enough for any client and server, whatever the number of events. */
const maxRows = 5_000;
const maxBytes = 8_000_000;

// Both lock in a statement before their insert (see 007-append-one.sql): one round trip for both. In the select list: a
// function in FROM costs more to plan than the insert takes.
const appendOneSql = 'select converge.outbox_append_one($1, $2, $3, $4, $5, $6, $7) as written';
const appendAllSql = 'select converge.outbox_append_all($1, $2, $3, $4, $5, $6, $7) as written';
const lockSql = 'select converge.outbox_lock($1::text[], $2::text[])';

/** Inserts rows, at least one, in the order of the array. They get ascending ids, under the locks of all their keys. */
export async function insertRows(
  executor: Executor,
  rows: readonly EventRow[],
  idleTimeoutMs: number,
): Promise<Written> {
  const [first] = rows;
  if (rows.length === 1 && first !== undefined) {
    const { eventId, topic, key, type, headers, payload } = first;
    const values = [eventId, topic, key, type, headers, payload, idleTimeoutMs];
    const written = writtenOf(await executor.query<Answer>(appendOneSql, values), eventId);
    instruments().outboxEmitted.add(1, { topic });
    return written;
  }
  const slices = slicesOf(rows);
  // With several statements all locks come first: sorted within each statement only, they could deadlock.
  if (slices.length > 1) await lockKeys(executor, rows);
  let written: Written = { xid: '', lastId: '', lastEventId: '' };
  for (const slice of slices) {
    const column = <K extends keyof EventRow>(name: K): EventRow[K][] => slice.map((row) => row[name]);
    const ids = column('eventId');
    const columns = [
      ids,
      column('topic'),
      column('key'),
      column('type'),
      column('headers'),
      column('payload'),
    ];
    const answer = await executor.query<Answer>(appendAllSql, [...columns, idleTimeoutMs]);
    count(slice);
    written = writtenOf(answer, ids.at(-1) ?? '');
  }
  return written;
}

interface Answer {
  /** `xid:id` */
  readonly written: string;
}

function writtenOf({ rows: [row] }: ExecutorResult<Answer>, lastEventId: string): Written {
  const [xid = '', lastId = ''] = (row?.written ?? '').split(':');
  return { xid, lastId, lastEventId };
}

function count(rows: readonly EventRow[]): void {
  const topics = new Map<string, number>();
  for (const { topic } of rows) topics.set(topic, (topics.get(topic) ?? 0) + 1);
  for (const [topic, events] of topics) instruments().outboxEmitted.add(events, { topic });
}

async function lockKeys(executor: Executor, rows: readonly EventRow[]): Promise<void> {
  const distinct = new Map(rows.map((row) => [`${row.topic}\n${row.key}`, row]));
  const keys = [...distinct.values()];
  await executor.query(lockSql, [keys.map((row) => row.topic), keys.map((row) => row.key)]);
}

export function slicesOf(rows: readonly EventRow[]): readonly (readonly EventRow[])[] {
  const slices: EventRow[][] = [];
  let slice: EventRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const size = row.payload.length + row.headers.length;
    if (slice.length > 0 && (slice.length >= maxRows || bytes + size > maxBytes)) {
      slices.push(slice);
      slice = [];
      bytes = 0;
    }
    slice.push(row);
    bytes += size;
  }
  return slice.length > 0 ? [...slices, slice] : slices;
}
