import type { Executor } from '@convergekit/postgres';
import {
  type LastStatement,
  type NamedStatement,
  notifyAfterCommit,
  sendLast,
  type Session,
} from '@convergekit/postgres/engine';
import { attributeNames, instruments } from '@convergekit/telemetry/engine';
import type { Transaction } from 'kysely';
import type { EventRow } from './event-row.ts';
import { nameRefusal } from './limit.ts';

/**
 * The channel of the notifications that writers of this database send after their commits. The payload is the number of
 * events that they committed since their last notification.
 */
export const OUTBOX_CHANNEL = 'converge_outbox';

/** The transaction's id, and the id of its last row. */
export interface Written {
  readonly xid: string;
  readonly lastId: string;
}

export interface AppendSettings {
  readonly idleTimeoutMs: number;
  /** Notify the relay after the commit. */
  readonly notify: boolean;
}

/** Bounds of one statement: small enough for any client and server, whatever the number of events. */
const maxRows = 5_000;
const maxBytes = 8_000_000;

// Both functions take their locks in a statement before their insert (see outbox_append_one in sql/001-schema.sql), in
// one round trip. They are in the select list because a function in FROM costs more to plan than the insert takes.
const appendOneSql = 'select converge.outbox_append_one($1, $2, $3, $4, $5, $6, $7) as written';
const appendAllSql = 'select converge.outbox_append_all($1, $2, $3, $4, $5, $6, $7) as written';
// Events without fields to search by pay for no parameter.
const searchOneSql = 'select converge.outbox_append_one($1, $2, $3, $4, $5, $6, $7, $8) as written';
const searchAllSql = 'select converge.outbox_append_all($1, $2, $3, $4, $5, $6, $7, $8) as written';
// The result is cast, because Prisma does not read the type `void`.
const lockSql = 'select converge.outbox_lock($1, $2, $3)::pg_catalog.text';

/** Inserts rows, at least one, in array order. They get ascending ids, under the locks of all their keys. */
export async function insertRows(
  executor: Executor,
  rows: readonly EventRow[],
  settings: AppendSettings,
): Promise<Written> {
  const slices = slicesOf(rows);
  // Several statements lock all keys first: keys sorted only within each statement could deadlock.
  if (slices.length > 1) await lockKeys(executor, rows, settings);
  let written: Written = { xid: '', lastId: '' };
  for (const slice of slices) {
    const { text, values } = appendOf(slice, settings);
    const answer = await executor.query<Answer>(text, values).catch((error: unknown) => {
      throw nameRefusal(error);
    });
    written = writtenOf(answer.rows);
    count(slice);
  }
  return written;
}

/**
 * Inserts rows as the last statement of a transaction, sent with COMMIT if `waits` accepts the session.
 * Returns undefined for more rows than one statement takes.
 */
export async function insertLast(
  tx: Transaction<unknown>,
  rows: readonly EventRow[],
  settings: AppendSettings,
  waits: (session: Session) => boolean,
): Promise<(Pick<LastStatement<Answer>, 'session'> & { readonly written: Promise<Written> }) | undefined> {
  if (slicesOf(rows).length > 1) return undefined;
  const { session, answer } = await sendLast<Answer>(tx, appendOf(rows, settings), waits);
  count(rows);
  const written = answer.then(writtenOf);
  written.catch(() => undefined);
  return { session, written };
}

interface Answer {
  /** The transaction and the id of the row, as `xid:id`. */
  readonly written: string;
}

function writtenOf([row]: readonly Answer[]): Written {
  const [xid = '', lastId = ''] = (row?.written ?? '').split(':');
  return { xid, lastId };
}

function appendOf(rows: readonly EventRow[], { idleTimeoutMs, notify }: AppendSettings): NamedStatement {
  const [first] = rows;
  const mark = { channel: OUTBOX_CHANNEL, count: rows.length };
  const isSearched = rows.some(({ search }) => search !== null);
  const marked = (columns: readonly unknown[], search: unknown): readonly unknown[] => {
    const values = [...columns, idleTimeoutMs, ...(isSearched ? [search] : [])];
    return notify ? notifyAfterCommit(values, mark) : values;
  };
  if (rows.length === 1 && first !== undefined) {
    const columns = COLUMNS.map((name) => first[name]);
    const values = marked(columns, first.search);
    if (isSearched) return { name: 'converge_append_one_search', text: searchOneSql, values };
    return { name: 'converge_append_one', text: appendOneSql, values };
  }
  const columns = COLUMNS.map((name) => rows.map((row) => row[name]));
  const searches = rows.map(({ search }) => search);
  const values = marked(columns, searches);
  if (isSearched) return { name: 'converge_append_all_search', text: searchAllSql, values };
  return { name: 'converge_append_all', text: appendAllSql, values };
}

const COLUMNS = ['eventId', 'topic', 'key', 'type', 'headers', 'payload'] as const;

function count(rows: readonly EventRow[]): void {
  const topics = new Map<string, number>();
  for (const { topic } of rows) topics.set(topic, (topics.get(topic) ?? 0) + 1);
  for (const [topic, events] of topics)
    instruments().outboxEmitted.add(events, { [attributeNames.topic]: topic });
}

async function lockKeys(
  executor: Executor,
  rows: readonly EventRow[],
  { idleTimeoutMs }: AppendSettings,
): Promise<void> {
  const distinct = new Map(rows.map((row) => [`${row.topic}\n${row.key}`, row]));
  const keys = [...distinct.values()];
  const locking = executor.query(lockSql, [
    keys.map((row) => row.topic),
    keys.map((row) => row.key),
    idleTimeoutMs,
  ]);
  await locking.catch((error: unknown) => {
    throw nameRefusal(error);
  });
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
