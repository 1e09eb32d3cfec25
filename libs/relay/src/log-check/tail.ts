import { comparePositions, type Position } from '@convergekit/contracts/engine';
import type { Admin } from '@convergekit/broker';
import { backwards, type Hole, type Owner, type OwnRecord, type Piece, type Place } from './own-records.ts';
import { forgeryOf, type Reach } from './reach.ts';

/** Limits of what is read in one partition; then its end alone is compared. */
export const TAIL_LIMITS = { records: 10_000, bytes: 8 * 1_048_576 } as const;
/** The number of records of each partition that are named to an operator. */
const MOST_NAMED = 20;

/** A record that claims to be ours and cannot be. */
export interface ForgedRecord extends OwnRecord {
  readonly why: string;
}

/** The records of this source at the end of a partition's log. */
export interface Tail {
  /** The last record of this epoch, or of a newer one. */
  readonly newest: OwnRecord | undefined;
  /** The highest position among the records that were read; a late repeat may follow it. */
  readonly highest: OwnRecord | undefined;
  /** A record of an older epoch that follows all of this one. */
  readonly olderBehind: OwnRecord | undefined;
  /** The log was read to its beginning, and all of it could be read. */
  readonly seenAll: boolean;
  readonly forged: readonly ForgedRecord[];
  readonly holes: readonly Hole[];
}

export interface TailRequest extends Owner {
  readonly reach: Reach;
  readonly cursor: Position;
  /** Offsets whose records an operator disowned. */
  readonly disowned: ReadonlySet<bigint>;
}

/**
 * Reads back from the log's end until the cursor is covered. The last record alone is not enough: what a deposed relay
 * had in flight may have come after records of its successor. Records that the source cannot have written are ignored.
 */
export async function findTail(admin: Admin, place: Place, request: TailRequest): Promise<Tail> {
  const found: Found = {
    newest: undefined,
    highest: undefined,
    olderBehind: undefined,
    forged: [],
    holes: [],
  };
  let lowest = place.ends.latest;
  for await (const piece of backwards(admin, place, request, TAIL_LIMITS)) {
    look(found, piece, request);
    lowest = piece.from;
    const { newest, highest } = found;
    if (
      newest !== undefined &&
      highest !== undefined &&
      comparePositions(highest.position, request.cursor) >= 0
    )
      return { ...found, seenAll: false };
  }
  return { ...found, seenAll: lowest <= place.ends.earliest && found.holes.length === 0 };
}

interface Found {
  newest: OwnRecord | undefined;
  highest: OwnRecord | undefined;
  olderBehind: OwnRecord | undefined;
  forged: ForgedRecord[];
  holes: Hole[];
}

function unsignedOf({ unsigned }: OwnRecord): string | undefined {
  return unsigned === true
    ? 'this source signs its records from an offset before it on, and this one has no signature of its key'
    : undefined;
}

/** Pieces come from the last one on; within a piece the log's order counts. */
function look(found: Found, piece: Piece, { reach, disowned }: TailRequest): void {
  let newest: OwnRecord | undefined;
  let older: OwnRecord | undefined;
  for (const record of piece.own) {
    const why = disowned.has(record.offset) ? undefined : (unsignedOf(record) ?? forgeryOf(record, reach));
    if (why !== undefined && found.forged.length < MOST_NAMED) found.forged.push({ ...record, why });
    if (why !== undefined || disowned.has(record.offset)) continue;
    if (found.highest === undefined || comparePositions(record.position, found.highest.position) > 0)
      found.highest = record;
    if (record.position.epoch >= reach.epoch) {
      newest = record;
      older = undefined;
    } else older = record;
  }
  found.holes = [...found.holes, ...piece.holes].slice(0, MOST_NAMED);
  if (found.newest !== undefined) return;
  found.olderBehind ??= older;
  found.newest = newest;
}
