import { comparePositions } from '@convergekit/contracts/engine';
import type { Admin } from '@convergekit/broker';
import type { Executor } from '@convergekit/postgres';
import { readKnownTicks } from '../log-check/facts-sql.ts';
import { placeOf, type TickMatch } from '../log-check/judge.ts';
import { backwards, type Owner, type OwnRecord, type Place } from '../log-check/own-records.ts';

/** A record of this source, and how its tick compares with the database. */
export interface ScannedRecord extends OwnRecord {
  readonly match: TickMatch;
}

export interface PartitionScan extends Pick<Place, 'cursor'> {
  /** Ascending offsets: at least everything that the log holds beyond what the database knows. */
  readonly records: readonly ScannedRecord[];
  /** The log's beginning was reached, and nothing had been removed there. */
  readonly whole: boolean;
  readonly end: bigint;
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
  owner: Owner,
): Promise<PartitionScan> {
  const { cursor, ends } = place;
  const records: ScannedRecord[] = [];
  let met = false;
  let calm = 0;
  for await (const piece of backwards(admin, place, owner)) {
    const ticks = piece.own.map(({ position }) => position.tick);
    const known = await readKnownTicks(executor, owner.reach.epoch, ticks);
    const scanned = piece.own.map((record) => ({ ...record, match: placeOf(record.position, known) }));
    records.unshift(...scanned);
    const shared = scanned.filter(({ match }) => match === 'same' || match === 'dropped');
    calm = shared.length < scanned.length ? 0 : calm + piece.records;
    met ||= shared.some(({ position }) => comparePositions(position, cursor) <= 0);
    if (met && calm >= CALM_RECORDS) return { cursor, records, whole: false, end: ends.latest };
  }
  return { cursor, records, whole: ends.earliest === 0n, end: ends.latest };
}
