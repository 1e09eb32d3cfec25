import { type Database, type Executor, withTransaction } from '@convergekit/postgres';
import { sqlState } from '@convergekit/postgres/engine';
import type { Operator } from '@convergekit/postgres/operate';
import { InboxError } from '../errors.ts';
import {
  type AfterCompensation,
  contradictionOf,
  reasonOf,
  type Unreported,
  UNREPORTED,
} from './contradiction.ts';
import {
  type LockedRow,
  lockParked,
  putEdited,
  runAgain,
  takeOut,
  wakeLine,
  writeAudit,
} from './change-parked-sql.ts';

/**
 * Retries a parked event: a dead letter as a new run, a waiting event at once. In a new run the event keeps its id, and
 * emitted events get ids of the run. Order is kept where possible: a dead letter that released its key is retried
 * beside it. Throws PARKED_REPORTED for a given-up event, whose failure event is published, unless `afterCompensation`.
 */
export function retryParked(
  database: Pick<Database, 'acquire'>,
  id: string,
  operator: Operator,
  how: AfterCompensation = {},
): Promise<'run' | 'due'> {
  return acting(database, id, (tx, row) => retry(tx, row, operator, how));
}

/** Events of a consumer that may be parked, on which a part of the kit decides in its own transaction. */
export interface ParkedEvents {
  readonly consumer: string;
  readonly eventIds: readonly string[];
}

// The look-up uses the index parked_event_id.
const ofEventsSql = `
  select id from converge.parked
   where event_id = any ($2) and consumer = $1 and state in ('waiting', 'dead') order by parked_at`;

/** Retries these events, closed ones too, in the caller's transaction: no step acted on their failure. Returns their ids. */
export async function retryParkedOf(
  tx: Executor,
  of: ParkedEvents,
  operator: Operator,
): Promise<readonly string[]> {
  const rows = await lockAll(tx, of);
  for (const row of rows) await retry(tx, { ...row, closed: null }, operator, { afterCompensation: true });
  return rows.map(({ id }) => id);
}

/** Skips the parked ones of these events for good, in the caller's transaction. */
export async function skipParkedOf(tx: Executor, of: ParkedEvents, operator: Operator): Promise<void> {
  for (const row of await lockAll(tx, of)) {
    await takeOut(tx, row, 'skipped', operator.reason);
    await writeAudit(tx, row, { act: 'parked skip', ...operator });
  }
}

async function lockAll(tx: Executor, { consumer, eventIds }: ParkedEvents): Promise<readonly LockedRow[]> {
  const { rows } = await tx.query<{ id: string }>(ofEventsSql, [consumer, eventIds]);
  const locked: LockedRow[] = [];
  for (const { id } of rows) {
    const row = await lockParked(tx, id);
    if (row?.state === 'waiting' || row?.state === 'dead') locked.push(row);
  }
  return locked;
}

async function retry(
  tx: Executor,
  row: LockedRow,
  operator: Operator,
  how: AfterCompensation,
): Promise<'run' | 'due'> {
  switch (row.state) {
    case 'superseded':
      throw refused(row, 'its saga undid it before it took effect; a retry would repeat what was undone');
    case 'replaced':
      throw refused(row, 'an operator replaced it by another event: retry that one');
    case 'waiting':
      return soon(tx, row, operator);
    case 'dead':
    case 'rejected':
    case 'skipped':
      if (row.closed !== null) throw refused(row, row.closed);
      refuseContradiction(row, how);
      await runAgain(tx, row);
      await writeAudit(tx, row, { act: 'parked retry', ...operator, reason: reasonOf(operator.reason, row) });
      return 'run';
  }
}

/** Makes a waiting event due. One that is due already is left as it is: an act that is typed twice is one act. */
async function soon(tx: Executor, row: LockedRow, operator: Operator): Promise<'due'> {
  switch (await wakeLine(tx, row)) {
    case 'behind':
      throw refused(row, 'it waits behind a dead letter of its key: retry or skip that one first');
    case 'later':
      await writeAudit(tx, row, { act: 'parked retry', ...operator });
      return 'due';
    case 'due':
      return 'due';
  }
}

/** Refuses to run a given-up event again unless the operator named the compensation. Throws PARKED_REPORTED. */
export function refuseContradiction(row: LockedRow, { afterCompensation = false }: AfterCompensation): void {
  const why = contradictionOf(row);
  if (why === undefined || afterCompensation) return;
  throw new InboxError('PARKED_REPORTED', `parked event ${row.id} is ${row.state}: ${why}`, {
    category: 'data',
  });
}

/**
 * Skips one parked event for good: it is kept as a record, and its key continues. Throws PARKED_REFUSED for an event that was
 * not given up, of which no failure event speaks, unless `unreported`.
 */
export function skipParked(
  database: Pick<Database, 'acquire'>,
  id: string,
  operator: Operator,
  { unreported = false }: Unreported = {},
): Promise<void> {
  return acting(database, id, async (tx, row) => {
    if (row.state !== 'waiting' && row.state !== 'dead')
      throw refused(row, 'it does not hold its key, so there is nothing to skip');
    if (row.failure_event === null && !unreported) throw refused(row, UNREPORTED);
    await takeOut(tx, row, 'skipped', operator.reason);
    await writeAudit(tx, row, { act: 'parked skip', ...operator });
  });
}

/**
 * Replaces the payload from the next attempt on; the original is kept. With `retrying` it is retried in the same transaction; one that
 * waits behind another of its key is tried after that one.
 */
export function editParked(
  database: Pick<Database, 'acquire'>,
  id: string,
  payload: Buffer,
  operator: Operator,
  retrying?: AfterCompensation,
): Promise<void> {
  return acting(database, id, async (tx, row) => {
    if (row.state === 'superseded') throw refused(row, 'its saga undid it');
    if (row.state === 'replaced') throw refused(row, 'an operator replaced it by another event');
    if (await putEdited(tx, id, payload))
      await writeAudit(tx, row, { act: 'parked edit', ...operator, edited: payload });
    if (retrying === undefined) return;
    if (row.state === 'waiting') await wakeLine(tx, row);
    else await retry(tx, row, operator, retrying);
  });
}

// The look-up uses the index parked_event. An event that a drain has locked is left to it: its handler finds the
// tombstone.
const waitingSql = `
  select id from converge.parked
   where consumer = $1 and event_id = $2 and line is not null and state in ('waiting', 'dead')
     for update skip locked`;

/**
 * Marks a parked event as superseded in the caller's transaction, so that its key continues. The event's saga step has
 * a tombstone: the event must not take effect any more. False: the event is not parked.
 */
export async function supersedeParked(
  tx: Executor,
  { consumer, eventId }: { readonly consumer: string; readonly eventId: string },
  why: string,
): Promise<boolean> {
  const { rows } = await tx.query<{ id: string }>(waitingSql, [consumer, eventId]);
  const row = rows[0] === undefined ? undefined : await lockParked(tx, rows[0].id);
  if (row === undefined || row.line === null) return false;
  await takeOut(tx, row, 'superseded', why);
  return true;
}

/** Runs an act on one locked parked event in a transaction. */
export async function acting<T>(
  database: Pick<Database, 'acquire'>,
  id: string,
  act: (tx: Executor, row: LockedRow) => Promise<T>,
): Promise<T> {
  try {
    return await withTransaction(database, {}, async (tx) => {
      await tx.query(`set local lock_timeout = '5s'`);
      const row = await lockParked(tx, id);
      if (row === undefined) throw gone(id);
      return act(tx, row);
    });
  } catch (error) {
    if (sqlState(error) !== '55P03') throw error;
    throw new InboxError(
      'PARKED_BUSY',
      `parked event ${id} is being applied at the moment: repeat the command shortly`,
      {
        category: 'contention',
        cause: error,
      },
    );
  }
}

function gone(id: string): InboxError {
  return new InboxError(
    'PARKED_GONE',
    `there is no parked event ${id} in this database: it was applied meanwhile, or it belongs to another consumer's database`,
    { category: 'data' },
  );
}

export function refused({ id, state }: LockedRow, why: string): InboxError {
  return new InboxError('PARKED_REFUSED', `parked event ${id} is ${state}: ${why}`, { category: 'data' });
}
