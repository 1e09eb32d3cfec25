import type { EventDefinition } from '@convergekit/contracts';
import { deterministicUuid } from '@convergekit/core/engine';
import type { Database } from '@convergekit/postgres';
import { readDatabaseTime } from '@convergekit/postgres/engine';
import type { Operator } from '@convergekit/postgres/operate';
import { type LockedRow, putInPlace, writeAudit } from './change-parked-sql.ts';
import { type AfterCompensation, reasonOf } from './contradiction.ts';
import { acting, refuseContradiction, refused } from './parked.ts';
import { checkReplacement, hasEnvelope, isOfSaga, replacementHeaders } from './replacement.ts';

interface ReplaceOptions extends AfterCompensation {
  /** The declared events, including that of the dead letter: the new data is checked against its contract. */
  readonly events: readonly EventDefinition[];
}

interface ReplacedParked {
  /** The parked row of the new event. */
  readonly id: string;
  readonly eventId: string;
}

/**
 * Replaces a dead letter by a new event with other data, for the handler that failed alone. It has an id of its own, the
 * dead letter as its cause, no position, and its place in the line of the key; the handler gets it once, like any parked
 * event. The data is checked first; the dead letter stays on record as replaced. Its failure event is published, so it needs
 * `afterCompensation`. Throws PARKED_REFUSED, PARKED_REPORTED, REPLACEMENT_INVALID, REPLACEMENT_UNDECLARED, PARKED_GONE or
 * PARKED_BUSY: then nothing was written.
 */
export function replaceParked(
  database: Pick<Database, 'acquire'>,
  id: string,
  payload: string,
  operator: Operator,
  { events, ...how }: ReplaceOptions,
): Promise<ReplacedParked> {
  return acting(database, id, async (tx, row) => {
    const eventId = replaceable(row);
    refuseContradiction(row, how);
    const { headers, type, version, record_key: recordKey } = row;
    if (!hasEnvelope(headers))
      throw refused(
        row,
        'its headers are in the log alone, or were erased, so a new event could not follow it: `converge parked edit` and `retry` one that the log has, or skip it',
      );
    if (isOfSaga(headers))
      throw refused(
        row,
        'it begins or belongs to a saga, whose journal names the event itself: `converge parked edit` and `retry` it, or `converge saga resolve` its step',
      );
    const key = recordKey?.toString('utf8') ?? row.key;
    checkReplacement(events, { type: type ?? '', version: version ?? 1, key }, payload);
    const made = {
      id: deterministicUuid('parked', 'replace', 'row', id),
      eventId: deterministicUuid('parked', 'replace', 'event', id),
    };
    const now = await readDatabaseTime(tx);
    const named = { id: made.eventId, cause: eventId, time: new Date(now) };
    await putInPlace(tx, row, {
      row: made.id,
      eventId: made.eventId,
      headers: replacementHeaders(headers, named),
      payload: Buffer.from(payload),
      timeMs: now,
      note: `replaced by event ${made.eventId}: ${operator.reason}`,
    });
    const edited = Buffer.from(payload);
    const reason = reasonOf(operator.reason, row);
    const act = { act: 'parked replace', by: operator.by, reason, edited, newEvent: made.eventId } as const;
    await writeAudit(tx, row, act);
    return made;
  });
}

/** Returns the id of a dead letter's event. Throws PARKED_REFUSED for any other. Pure. */
function replaceable(row: LockedRow): string {
  const { state, closed, event_id: eventId } = row;
  if (state !== 'dead' && state !== 'rejected')
    throw refused(
      row,
      state === 'waiting'
        ? 'only a dead letter is replaced: edit it, or wait until it was given up'
        : 'only a dead letter is replaced',
    );
  if (closed !== null) throw refused(row, closed);
  if (eventId === null)
    throw refused(row, 'its envelope could not be read, so there is no event to be the cause: skip it');
  return eventId;
}
