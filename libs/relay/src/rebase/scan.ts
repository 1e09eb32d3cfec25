import type { Admin } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import type { CursorRecord } from '../leader/takeover-sql.ts';
import { readKnownTicks } from '../log-check/facts-sql.ts';
import { positionOf } from '../log-check/log-check.ts';
import { backwards, type OwnRecord, type Place } from '../log-check/own-records.ts';
import { forgeryOf, type Reach } from '../log-check/reach.ts';
import { comparePositions } from '@convergekit/contracts/engine';
import { placeOf, type TickMatch } from '../log-check/judge.ts';

/** A record of this source, and how its tick compares with the database. */
export interface ScannedRecord extends OwnRecord {
  readonly match: TickMatch;
}

export interface PartitionScan {
  readonly cursor: CursorRecord;
  /** Ascending offsets: at least everything that the log holds beyond what the database knows. */
  readonly records: readonly ScannedRecord[];
  /** The log's beginning was reached, and nothing had been removed there. */
  readonly whole: boolean;
  readonly end: bigint;
}

export interface ScanRequest {
  readonly source: { readonly id: string; readonly epoch: number };
  readonly cursor: CursorRecord;
  readonly reach: Reach;
  /** Offsets whose records an operator disowned. */
  readonly disowned: ReadonlySet<bigint>;
}

/** Records with nothing foreign among them, until what lies before is believed. */
const CALM_RECORDS = 64;

/**
 * Reads a partition back to a record on which log and database agree. That is a record at or below the cursor (a
 * restored cursor is older than everything that was lost), with no foreign record around it.
 */
export async function scanPartition(
  admin: Admin,
  executor: Executor,
  place: Place,
  { source, cursor, reach, disowned }: ScanRequest,
): Promise<PartitionScan> {
  const records: ScannedRecord[] = [];
  const at = positionOf(cursor);
  let met = false;
  let calm = 0;
  for await (const piece of backwards(admin, place, { sourceId: source.id })) {
    const own = piece.own.filter(
      (record) => !disowned.has(record.offset) && forgeryOf(record, reach) === undefined,
    );
    const known = await readKnownTicks(
      executor,
      source.epoch,
      own.map(({ position }) => position.tick),
    );
    const scanned = own.map((record) => ({ ...record, match: placeOf(record.position, known) }));
    records.unshift(...scanned);
    const foreign = scanned.some(({ match }) => match !== 'same' && match !== 'dropped');
    calm = foreign ? 0 : calm + piece.records;
    met ||= scanned.some(
      ({ match, position }) =>
        (match === 'same' || match === 'dropped') && comparePositions(position, at) <= 0,
    );
    if (met && calm >= CALM_RECORDS) return { cursor, records, whole: false, end: place.ends.latest };
  }
  return { cursor, records, whole: place.ends.earliest === 0n, end: place.ends.latest };
}
