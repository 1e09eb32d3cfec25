import {
  type AuditRow,
  classify,
  describeAct,
  findEvents,
  type History,
  historyText,
  readHistory,
  readOperatorAudit,
  SEARCHED_ROWS,
} from '@convergekit/operate';
import { type Databases, GIVE_MORE, type Unread, unreadOf } from '../../databases.ts';
import { listParked, type ParkedFilter } from '@convergekit/inbox/operate';
import type { Executor } from '@convergekit/postgres';
import { listInstances, readInstance } from '@convergekit/saga/operate';
import { where } from '../../present-sql.ts';
import type { ConsoleContext } from '../../screen.ts';
import type { SearchAnswer } from './schemas.ts';
import { findDrift, findOpen } from './search-sql.ts';
import { whyOf } from './why.ts';

type Parts = Pick<ConsoleContext, 'databases' | 'broker'>;

const EMPTY = { why: [], events: [], parked: [], open: [], sagas: [], drift: [], acts: [], unread: [] };
const MOST = 100;

/** Searches all databases for an id, a key, a trace or a position. */
export async function readSearch(
  parts: Parts,
  given: string,
  now: number,
  hide: Hide,
): Promise<SearchAnswer> {
  const query = classify(given);
  const hasLog = parts.broker !== undefined;
  if (query.text === '') return { ...EMPTY, query: '', kind: 'none', hasLog };
  // A key, or a value of a field, may look like an id, a trace or a position.
  const named = await byValue(parts, given.trim());
  const all = query.kind === 'id' ? joined(named, await byId(parts, query.text, hide)) : named;
  const { parked = [], open = [], sagas = [] } = all;
  const found = { ...all, ...hide({ parked, open, sagas }) };
  return {
    ...EMPTY,
    ...found,
    query: query.text,
    kind: query.kind,
    why: [...whyOf({ ...EMPTY, ...found }, now)],
    hasLog,
  };
}

/** Hides what may not be shown of the texts of errors. */
type Hide = <T>(found: T) => T;

type Found = Partial<Omit<SearchAnswer, 'query' | 'kind' | 'hasLog' | 'why'>>;

/** Finds the events that a text names, and what has it as its key. */
async function byValue({ databases }: Parts, key: string): Promise<Found> {
  const [events, parked, open, sagas, drift, acts] = await Promise.all([
    databases.gather((executor) => findEvents(executor, key)),
    databases.gather(where('converge.parked', (executor) => findParked(executor, { key }))),
    databases.gather(where('converge.saga_work', (executor) => findOpen(executor, key))),
    databases.gather(
      where('converge.saga_instance', (executor) => listInstances(executor, { key, limit: MOST })),
    ),
    databases.gather(where('converge.reconcile_key', (executor) => findDrift(executor, key))),
    databases.gather((executor) => actsAbout(executor, key)),
  ]);
  return {
    events: newestFirst(events.rows),
    parked: parked.rows,
    open: open.rows,
    sagas: sagas.rows,
    drift: drift.rows,
    acts: acts.rows,
    searchedRows: SEARCHED_ROWS,
    unread: unreadOf(events, parked, open, sagas, drift, acts),
  };
}

async function byId({ databases }: Parts, id: string, hide: Hide): Promise<Found> {
  const [parked, sagas, acts] = await Promise.all([
    databases.gather(where('converge.parked', (executor) => findParked(executor, { eventId: id }))),
    databases.gather(
      where('converge.saga_instance', async (executor) =>
        [await readInstance(executor, id)].flatMap((one) => one ?? []),
      ),
    ),
    databases.gather((executor) => actsAbout(executor, id)),
  ]);
  const unread = unreadOf(parked, sagas, acts);
  const history = await historyOf(databases, id, unread);
  return {
    parked: parked.rows,
    sagas: sagas.rows,
    acts: acts.rows,
    unread,
    ...(history.entries.length > 0 && { history: shownHistory(hide(history)) }),
  };
}

async function findParked(executor: Executor, filter: ParkedFilter) {
  return (await listParked(executor, filter, MOST)).map((row) => ({ ...row, since: row.parkedAt }));
}

/** Joins what was found in two ways, each row once. Pure. */
function joined(one: Found, other: Found): Found {
  return {
    ...one,
    ...other,
    events: newestFirst(once([...(one.events ?? []), ...(other.events ?? [])], ({ eventId }) => eventId)),
    parked: once([...(one.parked ?? []), ...(other.parked ?? [])], ({ id }) => id),
    sagas: once([...(one.sagas ?? []), ...(other.sagas ?? [])], ({ instance }) => instance),
    acts: once([...(one.acts ?? []), ...(other.acts ?? [])], (act) => JSON.stringify(act)),
    unread: once([...(one.unread ?? []), ...(other.unread ?? [])], ({ database }) => database),
  };
}

const newestFirst = <Row extends { readonly at: Date }>(rows: readonly Row[]): Row[] =>
  rows.toSorted((a, b) => b.at.getTime() - a.at.getTime());

function once<Row extends { readonly database: string }>(
  rows: readonly Row[],
  idOf: (row: Row) => string,
): Row[] {
  return [...new Map(rows.map((row) => [`${row.database} ${idOf(row)}`, row])).values()];
}

/** Reads what happened to an event, from the databases that can be read. */
export function historyOf({ all }: Databases, id: string, unread: readonly Unread[]): Promise<History> {
  const lost = new Set(unread.map(({ database }) => database));
  return readHistory(
    all.filter(({ name }) => !lost.has(name)),
    id,
  );
}

/** A history as the console shows it. Pure. */
export function shownHistory(history: History): NonNullable<SearchAnswer['history']> {
  const { head, rows, end, given } = historyText(history, GIVE_MORE);
  return {
    head,
    end,
    given: [...given],
    rows: rows.map(([when, who, what]): [string, string, string] => [when, who, what]),
  };
}

/** Reads the acts of operators on what a text names, in words. */
export async function actsAbout(executor: Executor, about: string): Promise<readonly ShownAct[]> {
  return (await readOperatorAudit(executor, { about }, MOST)).map(shownAct);
}

type ShownAct = Omit<SearchAnswer['acts'][number], 'database'>;

/** An act in words. Pure. */
export function shownAct(row: AuditRow): ShownAct {
  const { at, by, act, reason } = row;
  return { at: new Date(at), by, act, ...describeAct(row), reason };
}
