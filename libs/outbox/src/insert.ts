import type { Executor } from '@converge/postgres';
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

// The function locks in a statement before its insert (see 002-append.sql): one round trip for both.
const appendSql = `
  select a.tx, a.last_id
    from converge.outbox_append($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::int) a`;
const lockSql = 'select converge.outbox_lock($1::text[], $2::text[])';

/** Inserts rows, at least one, in the order of the array. They get ascending ids, under the locks of all their keys. */
export async function insertRows(
  executor: Executor,
  rows: readonly EventRow[],
  idleTimeoutMs: number,
): Promise<Written> {
  const slices = slicesOf(rows);
  // With several statements all locks come first: sorted within each statement only, they could deadlock.
  if (slices.length > 1) await lockKeys(executor, rows);
  let written: Written = { xid: '', lastId: '', lastEventId: '' };
  for (const slice of slices) {
    const column = <K extends keyof EventRow>(name: K): EventRow[K][] => slice.map((row) => row[name]);
    const ids = column('eventId');
    const { rows: results } = await executor.query<{ tx: string; last_id: string }>(appendSql, [
      ids,
      column('topic'),
      column('key'),
      column('type'),
      column('headers'),
      column('payload'),
      idleTimeoutMs,
    ]);
    const result = results[0];
    count(slice);
    if (result !== undefined)
      written = { xid: result.tx, lastId: result.last_id, lastEventId: ids.at(-1) ?? '' };
  }
  return written;
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
